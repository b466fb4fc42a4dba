#pragma once

#include <string>
#include <string_view>

// What a page shows with each POST: it got it from this process by a GET, which another site's page
// cannot read. Any thread.
class PostToken {
 public:
  PostToken();
  const std::string& text() const { return text_; }
  // In a time that does not tell how much of it is right.
  bool Accepts(std::string_view given) const;

 private:
  std::string text_;
};
