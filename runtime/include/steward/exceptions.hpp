#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
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
///
/// A rule may look at the exception itself. What it throws counts as `restart`.
///
///     exception_rules{}.on<std::system_error>([](const auto& problem) {
///       return problem.code() == std::errc::timed_out ? treatment::resume : treatment::restart;
///     })
class exception_rules {
public:
  /// For exceptions of type E and those derived from it.
  template <class E>
  exception_rules& on(treatment what) {
    rules_.emplace_back(
        [what](const std::exception_ptr& problem) { return is_a<E>(problem) ? std::optional{what} : std::nullopt; });
    return *this;
  }
  /// `judge` takes a `const E&` and gives the treatment. Called on the actor's own thread.
  template <class E, std::invocable<const E&> Judge>
  exception_rules& on(Judge judge) {
    rules_.emplace_back([judge = std::move(judge)](const std::exception_ptr& problem) -> std::optional<treatment> {
      try {
        std::rethrow_exception(problem);
      } catch (const E& x) {
        return judged(judge, x);
      } catch (...) {  // any other type does not match
        return std::nullopt;
      }
    });
    return *this;
  }

  treatment match(const std::exception_ptr& problem) const {
    for (const auto& each : rules_)
      if (const auto found = each(problem)) return *found;
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

  template <class Judge, class E>
  static treatment judged(const Judge& judge, const E& problem) {
    try {
      return judge(problem);
    } catch (...) {  // it has nothing to say
      return treatment::restart;
    }
  }

  std::vector<std::function<std::optional<treatment>(const std::exception_ptr&)>> rules_;
};

/// Thrown by a state's constructor or `make_behavior`: there is nothing to run here, and that is no error. OTP's
/// `ignore`: the child is down, and its siblings are started.
class decline_start : public std::runtime_error {
public:
  explicit decline_start(const std::string& why = "nothing to run") : std::runtime_error(why) {}
};

}  // namespace steward
