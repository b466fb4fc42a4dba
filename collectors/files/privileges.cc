#include "collectors/files/privileges.h"

#include <sys/capability.h>

#include <cerrno>
#include <memory>

namespace {

using Capabilities = std::unique_ptr<_cap_struct, int (*)(void*)>;

Capabilities Current() { return {cap_get_proc(), &cap_free}; }

bool Has(const Capabilities& all, cap_flag_t set) {
  cap_flag_value_t value = CAP_CLEAR;
  return all && cap_get_flag(all.get(), CAP_SYS_ADMIN, set, &value) == 0 && value == CAP_SET;
}

}  // namespace

bool HoldsSysAdmin() { return Has(Current(), CAP_EFFECTIVE); }

Result<void> DropSysAdmin() {
  const Capabilities all = Current();
  if (!all) return FailBySystem("capabilities", errno);
  // Needs CAP_SETPCAP; without it nothing that has the capability can be executed but by root.
  if (cap_get_bound(CAP_SYS_ADMIN) == CAP_SET) cap_drop_bound(CAP_SYS_ADMIN);
  const cap_value_t capability = CAP_SYS_ADMIN;
  for (const cap_flag_t set : {CAP_EFFECTIVE, CAP_PERMITTED, CAP_INHERITABLE}) {
    if (cap_set_flag(all.get(), set, 1, &capability, CAP_CLEAR) != 0) {
      return FailBySystem("capabilities", errno);
    }
  }
  // What is not permitted is not ambient either.
  if (cap_set_proc(all.get()) != 0) return FailBySystem("capabilities", errno);
  const Capabilities left = Current();
  if (Has(left, CAP_PERMITTED) || Has(left, CAP_EFFECTIVE)) {
    return Fail(Error::Kind::kInput, "capabilities: CAP_SYS_ADMIN could not be dropped");
  }
  return {};
}
