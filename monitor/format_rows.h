#pragma once

#include <string_view>
#include <vector>

#include "monitor/ledger_rows.h"

// What a ledger says of its formats (`formats` in table `meta`), whoever wrote it: entries that are
// none and values of another type are passed over. Pure function.
std::vector<FormatRow> ReadFormatRows(std::string_view json);
