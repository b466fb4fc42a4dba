#pragma once

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dashboards/request_head.h"
#include "dashboards/socket.h"

// One whole request, or why it is none.
struct CollectedRequest {
  uint64_t connection = 0;
  std::string remote_address;  // of the socket's peer, never of a header
  RequestHead head;
  std::string body;
  std::optional<HttpProblem> problem;  // then head and body are not to be used
};

// The one poll() loop that owns the listening socket and every connection of a server: collects
// requests within fixed bounds, delivers whole ones, and writes replies. Nothing a client does can
// make it wait, since only bytes that are there are read and only bytes that fit are written.
//
// Run() is one thread's whole life. Reply() and Stop() may be called from any thread.
class RequestCollector {
 public:
  struct Limits {
    size_t connections = 512;          // one more evicts the oldest
    size_t request_bytes = 16 * 1024;  // head and body together
    // Of all replies; beyond it the oldest unsent one goes. A larger reply is sent alone.
    size_t unsent_bytes = 16u << 20;
    std::chrono::milliseconds request_deadline{2000};  // from accept to the last byte
    std::chrono::milliseconds reply_deadline{2000};    // from Reply() to the last byte sent
  };
  // Called by Run's thread; must not wait. False: no room, the connection is closed.
  using Deliver = std::function<bool(CollectedRequest)>;

  RequestCollector(Socket listener, Limits limits, Deliver deliver);

  void Run();
  // A connection that is gone by now is no error.
  void Reply(uint64_t connection, std::string response);
  void Stop();

 private:
  using Moment = std::chrono::steady_clock::time_point;
  enum class State { kReading, kWorking, kWriting, kDraining };
  struct Connection {
    Socket socket;
    std::string remote_address;
    State state = State::kReading;
    Moment deadline;
    std::string bytes;     // read so far, then the reply
    size_t head_size = 0;  // 0: its end has not come yet
    size_t sent = 0;
    RequestHead head;
  };
  using Connections = std::map<uint64_t, Connection>;  // ids rise, so the first is the oldest

  void FillPolls();
  int PollTimeout() const;
  void Accept();
  void Add(Socket socket, std::string remote_address);
  void Advance(Connections::iterator connection);
  void Read(Connections::iterator connection);
  void Hand(Connections::iterator connection, std::optional<HttpProblem> problem);
  void Write(Connections::iterator connection);
  void Drain(Connections::iterator connection);
  void TakeReplies();
  void Close(Connections::iterator connection);
  void CloseExpired();
  bool EvictOldest(bool (*evictable)(State));

  Socket listener_;
  const Limits limits_;
  const Deliver deliver_;
  Socket wake_;  // an eventfd

  // Run's thread only.
  Connections connections_;
  uint64_t last_id_ = 0;
  size_t unsent_bytes_ = 0;
  Moment accept_after_{};         // out of descriptors: do not spin on the listener
  std::vector<pollfd> polls_;     // the eventfd, the listener, then connections
  std::vector<uint64_t> polled_;  // whose connections those are

  std::mutex mutex_;  // guards what follows
  std::vector<std::pair<uint64_t, std::string>> replies_;
  bool stopping_ = false;
};
