// cpp-httplib reads the request line and its query, compresses and writes the response. It never
// sees a socket, nor a header from a client: 0.11.4 decodes %0d%0a in header values, takes a
// client's REMOTE_ADDR, serves overlapping ranges from memory, and compresses under "gzip;q=0". So
// it is given a head that is written here, over a Stream in memory.
#include "dashboards/http_server.h"

#include <httplib.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace {

constexpr size_t kWorthCompressing = 1024;

class MemoryStream final : public httplib::Stream {
 public:
  explicit MemoryStream(std::string input) : input_(std::move(input)) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* out, size_t size) override {
    const size_t count = std::min(size, input_.size() - read_);
    std::memcpy(out, input_.data() + read_, count);
    read_ += count;
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* bytes, size_t size) override {
    output_.append(bytes, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

  std::string TakeOutput() { return std::move(output_); }

 private:
  const std::string input_;
  size_t read_ = 0;
  std::string output_;
};

// RFC 9110 section 12.5.3, for gzip alone. Brotli at the library's level costs too much to serve.
bool AcceptsGzip(std::string_view accepted) {
  while (!accepted.empty()) {
    const size_t comma = accepted.find(',');
    const std::string_view one = accepted.substr(0, comma);
    const size_t semicolon = one.find(';');
    if (SameToken(TrimBlanks(one.substr(0, semicolon)), "gzip")) {
      if (semicolon == std::string_view::npos) return true;
      const std::string_view quality = TrimBlanks(one.substr(semicolon + 1));
      return quality.find_first_of("123456789") != std::string_view::npos;
    }
    if (comma == std::string_view::npos) return false;
    accepted.remove_prefix(comma + 1);
  }
  return false;
}

// A second '?' is legal in a query; the library takes it for a third part and refuses.
std::string LineFor(const RequestHead& head) {
  std::string target = head.target;
  for (size_t at = target.find('?'); at != std::string::npos;) {
    at = target.find('?', at + 1);
    if (at != std::string::npos) target.replace(at, 1, "%3F");
  }
  return head.method + " " + target + " HTTP/1.1\r\n";
}

// Answers one request at a time; each worker has its own.
class RequestRunner final : private httplib::Server {
 public:
  explicit RequestRunner(const HttpRoutes& routes) : routes_(routes) {
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      Fill(response, Answer(request));
      return HandlerResponse::Handled;
    });
    set_error_handler(HandlerWithResponse([](const httplib::Request&, httplib::Response& response) {
      if (response.has_header("X-Frame-Options")) return HandlerResponse::Unhandled;  // ours
      HttpResponse error =
          ErrorResponse(response.status, "bad_request", "the request is malformed");
      HttpRoutes::Guard(error);
      Fill(response, error);
      return HandlerResponse::Handled;
    }));
    set_post_routing_handler([](const httplib::Request&, httplib::Response& response) {
      response.headers.erase("Accept-Ranges");  // said to HEAD, but ranges are not served
      if (response.status == 304) response.headers.erase("Content-Length");
    });
  }

  std::string Run(CollectedRequest request) {
    collected_ = std::move(request);
    std::string head = collected_.problem ? "GET / HTTP/1.1\r\n" : LineFor(collected_.head);
    const auto accepted = FieldValue(collected_.head.fields, "Accept-Encoding");
    if (AcceptsGzip(accepted)) head += "Accept-Encoding: gzip\r\n";
    MemoryStream stream(head + "\r\n");
    Process(*this, stream);
    return stream.TakeOutput();
  }

 private:
  // Debian 13's library takes the addresses here, Debian 12's asks the stream for them.
  template <class Self>
  static void Process(Self& self, MemoryStream& stream) {
    bool closed = false;
    const auto setup = [&self](httplib::Request& request) { self.parsed_ = &request; };
    if constexpr (requires { self.process_request(stream, "", 0, "", 0, true, closed, setup); }) {
      self.process_request(stream, "", 0, "", 0, true, closed, setup);
    } else {
      self.process_request(stream, true, closed, setup);
    }
  }

  HttpResponse Answer(const httplib::Request& parsed) {
    if (const auto& problem = collected_.problem) {
      HttpResponse refusal = ErrorResponse(problem->status, problem->code, problem->message);
      HttpRoutes::Guard(refusal);
      return refusal;
    }
    HttpRequest request;
    request.method = parsed.method;
    request.path = parsed.path;
    request.query = parsed.params;
    request.headers = std::move(collected_.head.fields);
    request.body = std::move(collected_.body);
    request.remote_address = collected_.remote_address;
    HttpResponse response = routes_.Answer(request);
    if (response.body.size() < kWorthCompressing) parsed_->headers.erase("Accept-Encoding");
    return response;
  }

  static void Fill(httplib::Response& to, const HttpResponse& from) {
    to.status = from.status;
    for (const auto& [name, value] : from.headers) to.set_header(name, value);
    if (from.status != 304) to.set_content(from.body, from.content_type);
  }

  const HttpRoutes& routes_;
  CollectedRequest collected_;
  httplib::Request* parsed_ = nullptr;  // valid while Answer runs
};

tl::unexpected<Error> NotLoopback(const ListenAddress& address) {
  return Fail(Error::Kind::kUsage,
              "listen: " + FormatAddress(address) +
                  " is reachable from other machines, without authentication or encryption; listen "
                  "on 127.0.0.1 behind a proxy that has both, or allow it explicitly");
}

}  // namespace

HttpServer::HttpServer(Options options) : options_(std::move(options)) {}

HttpServer::~HttpServer() { Stop(); }

Result<void> HttpServer::Start() {
  const auto address = ParseListenAddress(options_.listen);
  if (!address) return tl::unexpected(address.error());
  if (!options_.allow_remote && !IsLoopback(address->host)) return NotLoopback(*address);
  auto listener = Listen(*address);
  if (!listener) return tl::unexpected(listener.error());
  port_ = LocalPort(*listener);
  routes_.AllowHost(address->host);
  if (IsWildcard(address->host)) routes_.AllowAnyAddress();
  for (const std::string& host : options_.allowed_hosts) routes_.AllowHost(host);
  collector_ = std::make_unique<RequestCollector>(
      std::move(*listener), options_.limits,
      [this](CollectedRequest request) { return Enqueue(std::move(request)); });
  for (size_t i = 0; i < options_.workers; ++i) working_.emplace_back([this] { Work(); });
  collecting_ = std::thread([this] { collector_->Run(); });
  return {};
}

void HttpServer::Stop() {
  if (!collector_) return;
  collector_->Stop();
  collecting_.join();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    queue_.clear();
  }
  arrived_.notify_all();
  for (std::thread& worker : working_) worker.join();
  working_.clear();
  collector_.reset();
}

bool HttpServer::Enqueue(CollectedRequest request) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= options_.waiting) return false;
    queue_.push_back(std::move(request));
  }
  arrived_.notify_one();
  return true;
}

void HttpServer::Work() {
  RequestRunner runner(routes_);
  for (;;) {
    CollectedRequest request;
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      request = std::move(queue_.front());
      queue_.pop_front();
    }
    const uint64_t connection = request.connection;
    collector_->Reply(connection, runner.Run(std::move(request)));
  }
}
