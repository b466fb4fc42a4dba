#pragma once

#include <csignal>

// The signals and the log of a long-running role. Main thread, before any other is started.

// SIGTERM, SIGINT and SIGHUP are read from a descriptor; threads started later inherit the mask. A
// reader of standard error that goes away must not end the role.
int SignalDescriptor();
// The next signal, or 0 after `milliseconds` (-1: never).
int NextSignal(int descriptor, int milliseconds);

// Lines of rollcall's own log: "ts=… level=… …".
void LogToStandardError();
