#pragma once

#include <string>
#include <string_view>

// The id of the incident that an alert or a loss belongs to: those that share a compactor version;
// where the version is empty or "unknown", those of one rule on one server. The first 16 hex digits
// of SHA-256 of that key, so that servers agree without talking to each other.
std::string IncidentId(std::string_view rule, std::string_view server, std::string_view version);

// Which rule speaks for a loss of this cause: lost_in_gap and file_disagrees have their own.
std::string_view RuleOfLoss(std::string_view cause);
