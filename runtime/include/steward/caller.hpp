#pragma once

#include "steward/actor.hpp"

#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace steward {

/// An actor that cannot be reached, or that answers with an error; see `answer::value`.
class actor_error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// What a request came to: a value (then it is true) or an error, which `describe(x.error())` renders.
template <class R>
class [[nodiscard]] answer {
public:
  using value_type = std::conditional_t<std::is_void_v<R>, std::monostate, R>;

  explicit answer(value_type value) : content_(std::in_place_index<0>, std::move(value)) {}
  /// `who` has answered, for the text of `value`'s exception.
  explicit answer(caf::error problem, std::string who = "the actor")
      : content_(std::in_place_index<1>, failure{std::move(problem), std::move(who)}) {}

  bool ok() const noexcept { return content_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }
  /// Throws actor_error, with the error as text, when there is none.
  const value_type& value() const& {
    check();
    return std::get<0>(content_);
  }
  value_type&& value() && {
    check();
    return std::get<0>(std::move(content_));
  }
  const value_type& operator*() const& { return value(); }
  /// Only call it when `ok()` is false.
  const caf::error& error() const { return std::get<1>(content_).problem; }

private:
  struct failure {
    caf::error problem;
    std::string who;
  };

  void check() const {
    if (!ok()) throw actor_error(std::get<1>(content_).who + " answered: " + describe(error()));
  }

  std::variant<value_type, failure> content_;
};

/// Asks actors from outside of actors, and waits for the answers.
///
///     caller ask{rt.system()};
///     if (auto n = ask.request<std::uint64_t>(list, 1s, size_atom::value)) use(*n);
///
/// For one thread; make one per thread, and keep it: making one costs more than asking. Never use it within an actor,
/// which would block a thread of the scheduler. Must not outlive the actor system.
class caller {
public:
  explicit caller(caf::actor_system& system) : asker_(system) {}

  /// Errors: those of the actor; CAF's request_timeout when there was no answer in time, and unexpected_response for
  /// one that is no R; errc::not_found for an empty handle. R may be void. `infinity` waits without a limit.
  template <class R, class... Ts>
  answer<R> request(const caf::actor& dst, milliseconds timeout, Ts&&... message) {
    if (!dst) return answer<R>{caf::make_error(errc::not_found)};
    return read<R>(asker_.ask(dst, timeout, std::forward<Ts>(message)...));
  }
  template <class R, class... Ts>
  answer<R> request(const caf::actor& dst, milliseconds timeout, on_restart then, Ts&&... message) {
    if (then == on_restart::fail && port::is_cell(dst))
      return request<R>(dst, timeout, port::guarded_request{caf::make_message(std::forward<Ts>(message)...)});
    return request<R>(dst, timeout, std::forward<Ts>(message)...);
  }

private:
  template <class R>
  static answer<R> read(caf::mailbox_element_ptr reply) {
    if (!reply) return answer<R>{caf::make_error(caf::sec::request_timeout)};
    auto& content = reply->content();
    if (content.template match_elements<caf::error>()) return answer<R>{content.template get_as<caf::error>(0)};
    if constexpr (std::is_void_v<R>) {
      return answer<R>{std::monostate{}};
    } else {
      if (content.template match_elements<R>()) return answer<R>{content.template move_if_unshared<R>(0)};
      return answer<R>{caf::make_error(caf::sec::unexpected_response)};
    }
  }

  port::blocking_asker asker_;
};

/// Asks an actor from any thread that is none of an actor's, and waits for the answer. For a question now and then;
/// whoever asks often keeps a `caller`.
///
///     const auto n = ask<std::int64_t>(rt.system(), tree.actor("/root/total"), 1s, get_atom::value).value();
template <class R, class... Ts>
answer<R> ask(caf::actor_system& system, const caf::actor& dst, milliseconds limit, Ts&&... message) {
  return caller{system}.request<R>(dst, limit, std::forward<Ts>(message)...);
}

}  // namespace steward
