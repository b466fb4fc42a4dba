#pragma once

// Conditions about a row `k` of table `kept`, for whoever removes and for whoever lists.

// An alert on any copy of the project-day needs what is kept.
inline constexpr const char* kAlertIsOpen =
    "EXISTS (SELECT 1 FROM alert a INDEXED BY alert_open WHERE a.project = k.project AND a.day = "
    "k.day AND a.state <> 'resolved')";
// Events of it were deleted since, says `e`, its row of table `erased`: it stood when that run was
// logged, or was written before. A minute: kLoggedBefore.
inline constexpr const char* kErasedSince =
    "coalesce(k.replaced_at <= e.logged_at + 60000 OR k.modified_ns / 1000000 + 60000 <= "
    "e.logged_at, 0)";
