#pragma once

#include <string>

#include "monitor/app/settings.h"

// `rollcall permit` and `rollcall annotate`: what people know and logs do not say. Main
// thread.
struct PermitOptions {
  std::string kind = "decrease";  // decrease | rehomed | move
  std::string project, day, format, server;
  int64_t events = 0;
  std::string to_server;  // rehomed
  std::string expires;    // RFC 3339
  std::string reason;
};
int Permit(const Settings& settings, const PermitOptions& options);

struct AnnotateOptions {
  std::string text;
  std::string project, server;
  std::string at;              // RFC 3339; empty: now
  std::string deploy_version;  // a release reached the server
};
int Annotate(const Settings& settings, const AnnotateOptions& options);
