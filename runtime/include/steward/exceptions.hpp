#pragma once

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace steward {

/// What is done about an actor whose handler threw.
enum class treatment : std::uint8_t {
  restart,   ///< its restart type decides (default)
  resume,    ///< the state is kept, the message is skipped
  stop,      ///< it ends for good
  escalate,  ///< its supervisor fails, too
};

const char* to_string(treatment x) noexcept;

/// Says by the type of an exception what is done about it. The first rule that matches counts; without one it is a
/// restart. Fill it before the tree starts; afterwards any thread may read it.
///
///     exception_rules{}.on<bad_input>(treatment::resume).on<std::logic_error>(treatment::stop)
class exception_rules {
public:
  /// For exceptions of type E and those derived from it.
  template <class E>
  exception_rules& on(treatment what) {
    rules_.push_back({&is_a<E>, what});
    return *this;
  }

  treatment match(const std::exception_ptr& problem) const {
    for (const auto& each : rules_)
      if (each.matches(problem)) return each.what;
    return treatment::restart;
  }

  bool empty() const noexcept { return rules_.empty(); }

private:
  template <class E>
  static bool is_a(const std::exception_ptr& problem) {
    try {
      std::rethrow_exception(problem);
    } catch (const E&) {
      return true;
    } catch (...) {  // any other type does not match
      return false;
    }
  }

  struct rule {
    bool (*matches)(const std::exception_ptr&);
    treatment what;
  };
  std::vector<rule> rules_;
};

/// Thrown by a state's constructor or `make_behavior`: there is nothing to run here, and that is no error. OTP's
/// `ignore`: the child is down, and its siblings are started.
class decline_start : public std::runtime_error {
public:
  explicit decline_start(const std::string& why = "nothing to run") : std::runtime_error(why) {}
};

}  // namespace steward
