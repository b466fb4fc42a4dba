#pragma once

// The whole program: parses the command line, runs one verb, returns its exit code.
int RunCommandLine(int argc, const char* const* argv);
