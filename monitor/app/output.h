#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dashboards/documents.h"

// What a verb prints, in the form that --format names: `document` as JSON, else its `rows` with the
// columns `keys` ("a.b" reaches into objects), the most telling ones first. On a terminal a table
// is cut to what fits.
void PrintDocument(const Document& document, const Document& rows, const std::string& format,
                   const std::vector<std::string_view>& keys);

// "1 project", "2,000 projects"
std::string CountOf(int64_t count, std::string noun);

// Columns of the terminal at a descriptor; 0: there is none.
size_t TerminalWidth(int descriptor);

// Whether everything printed so far arrived: behind `> FILE` a disk may be full.
bool OutputArrived();
