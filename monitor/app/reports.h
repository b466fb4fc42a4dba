#pragma once

#include <string>

#include "monitor/app/settings.h"

// The verbs that read one or several ledgers and print a document: `alerts`, `timeline`, `impact`.
// Main thread.
struct AlertsOptions {
  std::string state = "firing";  // pending | firing | resolved | all
  bool fail = false;             // --fail: exit 1 when something fires
};
int Alerts(const Settings& settings, const AlertsOptions& options);

struct TimelineOptions {
  std::string project, day, server;
};
int Timeline(const Settings& settings, const TimelineOptions& options);

struct ImpactOptions {
  std::string since, until, version, project;
};
int ReportImpact(const Settings& settings, const ImpactOptions& options);
