#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <tl/expected.hpp>
#include <utility>

// What went wrong, in words for the person who has to mend it. Bad *input data* is never an Error:
// it is a quarantined line or a blind interval (DESIGN, "Ignorance is a fact").
struct Error {
  // Decides the exit code of a verb: kUsage 2, the others 3.
  // kLedgerHeld: another process writes it. kTimeout, kTooMany: more was asked for than the time or
  // the rows that the reader has for it.
  enum class Kind { kUsage, kInput, kLedger, kLedgerFull, kLedgerHeld, kTimeout, kTooMany };
  Kind kind = Kind::kInput;
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> Fail(Error::Kind kind, std::string message) {
  return tl::unexpected<Error>(Error{kind, std::move(message)});
}

// What the system said of a file of the ledger (an errno).
inline tl::unexpected<Error> FailBySystem(const std::string& path, int code) {
  const bool full = code == ENOSPC || code == EDQUOT;
  return Fail(full ? Error::Kind::kLedgerFull : Error::Kind::kLedger,
              path + ": " + std::strerror(code));
}

// Adds where it happened, outermost first: "rollcall.yml:12: unknown key 'fromat'".
inline tl::unexpected<Error> Within(const std::string& where, Error error) {
  error.message = where + ": " + error.message;
  return tl::unexpected<Error>(std::move(error));
}
