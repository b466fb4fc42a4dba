#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "collectors/files/command_rows.h"
#include "collectors/files/recount.h"
#include "monitor/batch.h"
#include "monitor/config.h"
#include "monitor/error.h"
#include "monitor/ledger.h"
#include "monitor/time.h"

// Has canonical files counted that the ledger wants counted, some at a time: all files of a
// partition are asked for together and told together. Ledger thread; its beginning and end: the
// thread that owns the session.
class FileCounting {
 public:
  // Nothing where no format has `recount`. `clock` outlives it.
  [[nodiscard]] static Result<std::unique_ptr<FileCounting>> Start(const Config& config,
                                                                   const Clock& clock);

  // What was asked for, once all of it is counted.
  std::optional<Batch> Take();
  // Asks for the next, unless some are being counted.
  void Ask(Ledger& ledger);

 private:
  FileCounting(const Config& config, const Clock& clock, std::unique_ptr<CommandRunner> commands);

  const Clock& clock_;
  std::unique_ptr<CommandRunner> commands_;
  Recounter recounter_;
  size_t asked_ = 0;
  std::vector<RecountedFile> counted_;
};
