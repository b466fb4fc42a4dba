#include "dashboards/http_server.h"

#include <zlib.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/catch.h"
#include "tests/raw_client.h"

namespace {

HttpServer::Options AnyPort() {
  HttpServer::Options options;
  options.listen = "127.0.0.1:0";
  return options;
}

std::string Inflate(const std::string& gzip) {
  z_stream stream{};
  inflateInit2(&stream, 16 + MAX_WBITS);
  std::string plain(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(gzip.data()));
  stream.avail_in = static_cast<uInt>(gzip.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  const int result = inflate(&stream, Z_FINISH);
  plain.resize(result == Z_STREAM_END ? stream.total_out : 0);
  inflateEnd(&stream);
  return plain;
}

// Answers what it was asked, so that tests see the request as a handler does.
HttpResponse Echo(const HttpRequest& request) {
  nlohmann::json seen = {{"method", request.method},
                         {"path", request.path},
                         {"body", request.body},
                         {"remote", request.remote_address},
                         {"loopback", request.FromLoopback()},
                         {"remote_header", request.Header("REMOTE_ADDR")},
                         {"name", request.QueryValue("name")}};
  return JsonResponse(seen.dump());
}

// A server with the routes that the tests ask for.
struct Site {
  explicit Site(HttpServer::Options options = AnyPort()) : server(std::move(options)) {
    server.Get("/echo", Echo);
    server.Post("/echo", Echo);
    server.Post("/only-post", Echo);
    server.Get("/small", [](const HttpRequest&) {
      return HttpResponse{200, "text/plain", "ok", {}};
    });
    server.Get("/large", [](const HttpRequest&) {
      return HttpResponse{200, "text/plain; version=0.0.4", std::string(100'000, 'x'), {}};
    });
    server.Get("/throws", [](const HttpRequest&) -> HttpResponse {
      throw std::runtime_error("line\r\nforged");
    });
    server.Get("/unready", [](const HttpRequest&) {
      HttpResponse response;
      response.status = 503;
      return response;
    });
    server.Get("/header", [](const HttpRequest& request) {
      HttpResponse response;
      response.headers.emplace_back("X-Copy", std::string(request.Header("X-In")));
      response.headers.emplace_back("X-Bad", "a\r\nX-Injected: 1");
      return response;
    });
    const auto started = server.Start();
    REQUIRE(started);
  }
  std::string Get(const std::string& path, const std::string& headers = "") {
    return GetPath(server.port(), path, headers);
  }
  nlohmann::json Seen(const std::string& response) {
    return nlohmann::json::parse(BodyOf(response));
  }

  HttpServer server;
};

std::string CodeOf(const std::string& response) {
  return nlohmann::json::parse(BodyOf(response)).at("error").at("code");
}

}  // namespace

TEST_CASE("a handler's answer arrives with its status, type and body", "[http]") {
  Site site;
  const std::string response = site.Get("/small");
  CHECK(StatusOf(response) == 200);
  CHECK(HeaderOf(response, "Content-Type") == "text/plain");
  CHECK(HeaderOf(response, "Content-Length") == "2");
  CHECK(HeaderOf(response, "Connection") == "close");
  CHECK(BodyOf(response) == "ok");
}

TEST_CASE("every answer carries the headers that guard a browser", "[http]") {
  Site site;
  for (const char* path : {"/small", "/nowhere", "/only-post", "/throws", "/unready"}) {
    const std::string response = site.Get(path);
    CHECK(HeaderOf(response, "X-Content-Type-Options") == "nosniff");
    CHECK(HeaderOf(response, "X-Frame-Options") == "DENY");
    CHECK(HeaderOf(response, "Content-Security-Policy").rfind("default-src 'self'", 0) == 0);
    CHECK(HeaderOf(response, "Cache-Control") == "no-store");
  }
}

TEST_CASE("a malformed request is refused with the guards too", "[http]") {
  Site site;
  const std::string response = Ask(site.server.port(), "nonsense\r\n\r\n");
  CHECK(StatusOf(response) == 400);
  CHECK(CodeOf(response) == "bad_request_line");
  CHECK(HeaderOf(response, "X-Frame-Options") == "DENY");
}

TEST_CASE("path and query reach the handler decoded", "[http]") {
  Site site;
  const auto seen = site.Seen(site.Get("/ech%6F?name=a%20b?c&other=1"));
  CHECK(seen.at("path") == "/echo");
  CHECK(seen.at("name") == "a b?c");
}

TEST_CASE("a posted body reaches the handler", "[http]") {
  Site site;
  const auto seen = site.Seen(Ask(site.server.port(),
                                  "POST /echo HTTP/1.1\r\nHost: localhost\r\n"
                                  "Content-Type: multipart/form-data; boundary=x\r\n"
                                  "Content-Length: 5\r\n\r\nhello"));
  CHECK(seen.at("method") == "POST");
  CHECK(seen.at("body") == "hello");
}

TEST_CASE("a body that comes in pieces is waited for", "[http]") {
  Site site;
  RawClient client(site.server.port());
  REQUIRE(client.Send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Le"));
  REQUIRE(client.Send("ngth: 5\r\n\r"));
  REQUIRE(client.Send("\nhel"));
  REQUIRE(client.Send("lo"));
  CHECK(site.Seen(client.ReadAll()).at("body") == "hello");
}

TEST_CASE("HEAD answers what GET would, without the body", "[http]") {
  Site site;
  const std::string response =
      Ask(site.server.port(), "HEAD /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(StatusOf(response) == 200);
  CHECK(HeaderOf(response, "Content-Length") == "100000");
  CHECK(HeaderOf(response, "Accept-Ranges").empty());
  CHECK(BodyOf(response).empty());
}

TEST_CASE("an unknown path is a 404 with a JSON error", "[http]") {
  Site site;
  const std::string response = site.Get("/nowhere");
  CHECK(StatusOf(response) == 404);
  CHECK(HeaderOf(response, "Content-Type") == "application/json");
  CHECK(CodeOf(response) == "not_found");
}

TEST_CASE("a known path with another method is a 405 that names the methods", "[http]") {
  Site site;
  const std::string response = site.Get("/only-post");
  CHECK(StatusOf(response) == 405);
  CHECK(HeaderOf(response, "Allow") == "POST");
  const std::string put = Ask(site.server.port(), "PUT /echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(StatusOf(put) == 405);
  CHECK(HeaderOf(put, "Allow") == "GET, HEAD, POST");
}

TEST_CASE("an unchanged body is a 304 for the tag it was sent with", "[http]") {
  Site site;
  const std::string tag = HeaderOf(site.Get("/small"), "ETag");
  REQUIRE(!tag.empty());
  const std::string again = site.Get("/small", "If-None-Match: \"other\", " + tag + "\r\n");
  CHECK(StatusOf(again) == 304);
  CHECK(BodyOf(again).empty());
  CHECK(HeaderOf(again, "Content-Length").empty());
  CHECK(HeaderOf(again, "ETag") == tag);
  CHECK(StatusOf(site.Get("/large", "If-None-Match: " + tag + "\r\n")) == 200);
}

TEST_CASE("a large body is compressed once for a client that takes gzip", "[http]") {
  Site site;
  const std::string response = site.Get("/large", "Accept-Encoding: br, gzip;q=0.5\r\n");
  CHECK(HeaderOf(response, "Content-Encoding") == "gzip");
  CHECK(BodyOf(response).size() < 2000);
  CHECK(Inflate(BodyOf(response)) == std::string(100'000, 'x'));
}

TEST_CASE("nothing is compressed for a client that refuses gzip, nor a small body", "[http]") {
  Site site;
  CHECK(HeaderOf(site.Get("/large", "Accept-Encoding: gzip;q=0, br\r\n"), "Content-Encoding")
            .empty());
  CHECK(HeaderOf(site.Get("/small", "Accept-Encoding: gzip\r\n"), "Content-Encoding").empty());
}

TEST_CASE("a range is not served", "[http]") {
  Site site;
  const std::string response = site.Get("/large", "Range: bytes=0-1,0-2,0-3\r\n");
  CHECK(StatusOf(response) == 200);
  CHECK(BodyOf(response).size() == 100'000);
}

TEST_CASE("a handler that throws is a 500 and the next request is answered", "[http]") {
  Site site;
  const std::string response = site.Get("/throws");
  CHECK(StatusOf(response) == 500);
  CHECK(CodeOf(response) == "internal");
  CHECK(response.find("forged") == std::string::npos);
  CHECK(StatusOf(site.Get("/small")) == 200);
}

TEST_CASE("an error without a body stays as the handler made it", "[http]") {
  Site site;
  const std::string response = site.Get("/unready");
  CHECK(StatusOf(response) == 503);
  CHECK(BodyOf(response).empty());
}

TEST_CASE("a Host that is not ours is refused", "[http]") {
  HttpServer::Options options = AnyPort();
  options.allowed_hosts = {"Monitor.example"};
  Site site(options);
  const auto asked_as = [&](const std::string& host) {
    return StatusOf(Ask(site.server.port(), "GET /small HTTP/1.1\r\nHost: " + host + "\r\n\r\n"));
  };
  for (const char* host :
       {"evil.example", "localhost.evil.example", "10.0.0.1", "[::2]", "127.0.0.1@x"}) {
    CHECK(asked_as(host) == 403);
  }
  for (const char* host : {"localhost", "LOCALHOST:1", "localhost.", "127.0.0.1:9717", "[::1]:9717",
                           "monitor.example"}) {
    CHECK(asked_as(host) == 200);
  }
}

TEST_CASE("a request of HTTP/1.0 may go without Host", "[http]") {
  Site site;
  CHECK(StatusOf(Ask(site.server.port(), "GET /small HTTP/1.0\r\n\r\n")) == 200);
  CHECK(StatusOf(Ask(site.server.port(), "GET /small HTTP/1.1\r\n\r\n")) == 400);
}

TEST_CASE("another site's page may not post", "[http]") {
  Site site;
  const auto posted_from = [&](const std::string& origin) {
    return StatusOf(Ask(site.server.port(), "POST /echo HTTP/1.1\r\nHost: localhost\r\nOrigin: " +
                                                origin + "\r\n\r\n"));
  };
  CHECK(posted_from("http://evil.example") == 403);
  CHECK(posted_from("null") == 403);
  CHECK(posted_from("http://localhost") == 200);
}

TEST_CASE("the peer is the socket's, whatever the client claims", "[http]") {
  Site site;
  const auto seen = site.Seen(site.Get("/echo", "REMOTE_ADDR: 203.0.113.9\r\n"));
  CHECK(seen.at("remote") == "127.0.0.1");
  CHECK(seen.at("loopback") == true);
}

TEST_CASE("only a loopback peer is from loopback", "[http]") {
  HttpRequest request;
  for (const char* address : {"127.0.0.1", "127.9.9.9", "::1"}) {
    request.remote_address = address;
    CHECK(request.FromLoopback());
  }
  for (const char* address : {"10.0.0.1", "::2", "::ffff:10.0.0.1", "localhost", ""}) {
    request.remote_address = address;
    CHECK_FALSE(request.FromLoopback());
  }
}

TEST_CASE("an encoded line break in a header value stays text", "[http]") {
  Site site;
  const std::string response = site.Get("/header", "X-In: a%0d%0aX-Injected: 1\r\n");
  CHECK(HeaderOf(response, "X-Copy") == "a%0d%0aX-Injected: 1");
  CHECK(HeaderOf(response, "X-Injected").empty());
  CHECK(HeaderOf(response, "X-Bad").empty());
}

TEST_CASE("a second server on the same port is an error that names it", "[http]") {
  Site site;
  HttpServer::Options options;
  options.listen = "127.0.0.1:" + std::to_string(site.server.port());
  HttpServer second(options);
  const auto started = second.Start();
  REQUIRE_FALSE(started);
  CHECK(started.error().message.find(options.listen) != std::string::npos);
  CHECK(started.error().message.find("another process holds this port") != std::string::npos);
}

TEST_CASE("a port is free again once its server has stopped", "[http]") {
  HttpServer::Options options;
  {
    Site site;
    CHECK(StatusOf(site.Get("/small")) == 200);
    options.listen = "127.0.0.1:" + std::to_string(site.server.port());
  }
  HttpServer next(options);
  CHECK(next.Start());
}

TEST_CASE("an address that other machines reach must be allowed", "[http]") {
  HttpServer::Options options;
  options.listen = "0.0.0.0:0";
  const auto refused = HttpServer(options).Start();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("reachable from other machines") != std::string::npos);
  options.allow_remote = true;
  HttpServer open(options);
  REQUIRE(open.Start());
  // Addresses cannot be re-bound, so any of them is a good Host; the path is what is missing.
  CHECK(StatusOf(Ask(open.port(), "GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n")) == 404);
  CHECK(StatusOf(Ask(open.port(), "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")) == 403);
}

TEST_CASE("a listen address is numeric or localhost", "[http]") {
  CHECK(ParseListenAddress("[::1]:9717").value().ipv6);
  CHECK(ParseListenAddress("localhost:1").value().host == "127.0.0.1");
  CHECK(FormatAddress(ParseListenAddress("[::1]:80").value()) == "[::1]:80");
  for (const char* text :
       {"", ":", "9717", ":9717", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
        "::1:9717", "[::1]", "example.org:80", "[127.0.0.1]:1"}) {
    CHECK_FALSE(ParseListenAddress(text));
  }
}

TEST_CASE("stopping returns with connections open and handlers asked", "[http]") {
  Site site;
  RawClient idle(site.server.port());
  RawClient half(site.server.port());
  REQUIRE(half.Send("GET /small HT"));
  REQUIRE(StatusOf(site.Get("/small")) == 200);
  site.server.Stop();
  CHECK(idle.ClosedWithin(std::chrono::seconds(10)));
  CHECK(half.ClosedWithin(std::chrono::seconds(10)));
  site.server.Stop();
  CHECK_FALSE(RawClient(site.server.port()).connected());
}
