#pragma once

#include "monitor/app/operator_entries.h"
#include "monitor/app/settings.h"

// `rollcall permit` and `rollcall annotate`: what people know and logs do not say. Main
// thread.
int Permit(const Settings& settings, const PermitOptions& options);
int Annotate(const Settings& settings, const AnnotateOptions& options);
