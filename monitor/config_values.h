#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The single values of the configuration file and the words to speak of them. Pure functions.

// "90s", "10m", "400d", "1h30m", "500ms": d, h, m, s, ms, larger units first, each once, at most
// 100 years.
std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text);
// The shortest such text: "1h30m", "0s".
std::string FormatDuration(std::chrono::milliseconds duration);
// "50GiB", "64MiB", "100MB", "4096B": B, KB to TB (powers of 1000), KiB to TiB (of 1024).
std::optional<int64_t> ParseSize(std::string_view text);
std::string FormatSize(int64_t bytes);
// Digits only and no leading zero, which YAML 1.1 readers take for octal.
std::optional<int64_t> ParseCount(std::string_view text);
// "0.5": a decimal number of 0 to 1.
std::optional<double> ParseRatio(std::string_view text);
// Why nothing may listen there: what is right is a numeric loopback address, or localhost, and a
// port ("127.0.0.1:9717", "[::1]:9717"). Empty: it is right.
std::string ListenComplaint(std::string_view text);
// "a.b.c": no empty step.
bool IsFieldPath(std::string_view text);

// Names in {braces}, in order.
std::vector<std::string> Placeholders(std::string_view text);
// Names of the named groups of a PCRE pattern: (?P<name>…), (?<name>…), (?'name'…).
std::vector<std::string> GroupNames(std::string_view pattern);

// Cut to 60 bytes, without control characters: fit for a message.
std::string Shown(std::string_view text);
// The same, in double quotes.
std::string Quoted(std::string_view text);
// "a, b, c"
std::string Listed(std::span<const std::string_view> names);
// "; did you mean "format"? (known: a, b)"; without a question where nothing is near.
std::string Suggestion(std::string_view name, std::span<const std::string_view> known);
