#pragma once

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

// Included by pool.hpp: the inputs of a map, as they are handed to a pool.
namespace steward::detail {

/// What is to be run on which inputs; they are read when they are needed.
struct prepared_map {
  const task_entry* entry = nullptr;  ///< null for a callable
  map_run::source next;
  std::optional<std::size_t> total;
};

/// Of a registered task.
template <class R, class... Args, class Range>
map_run::source generate(task<R, Args...> what, Range& inputs) {
  // Shared, because a std::function must be copyable and an input iterator need not be.
  struct reading {
    std::ranges::iterator_t<Range> at;
    std::ranges::sentinel_t<Range> end;
    std::shared_ptr<task_error> refused{};
  };
  auto from = std::make_shared<reading>(reading{std::ranges::begin(inputs), std::ranges::end(inputs)});
  return [entry = what.entry, from](pool_work& work, std::size_t most) {
    constexpr auto size = encoded_size<std::tuple<Args...>>::value;
    work.entry = entry;
    if (from->refused) {
      work.refused = std::exchange(from->refused, nullptr);
      return std::size_t{1};
    }
    std::size_t count = 0;
    if constexpr (sent_at_once<Range, Args...>) {
      constexpr auto fit = (chunk_bytes + size - 1) / size;
      count = std::min({most, fit, static_cast<std::size_t>(std::ranges::distance(from->at, from->end))});
      if (count > 0) {
        const auto* data = reinterpret_cast<const std::byte*>(std::to_address(from->at));
        work.args.assign(data, data + count * size);
      }
      from->at += static_cast<std::ranges::range_difference_t<Range>>(count);
      return count;
    }
    for (; count < most && work.args.size() < chunk_bytes && from->at != from->end; ++from->at, ++count) {
      if constexpr (size != variable_size) {
        if (count == 0) work.args.reserve(std::min(most * size, chunk_bytes + size));
        encode_input<Args...>(work.args, *from->at);
      } else {
        const auto start = work.args.size();
        try {
          // Behind its size, which is known afterwards.
          work.args.resize(start + sizeof(std::uint32_t));
          encode_input<Args...>(work.args, *from->at);
        } catch (...) {
          // What a user's codec throws, whatever it is, is the error of this input. It goes alone.
          auto error =
              std::make_shared<task_error>(local_error(*entry, std::current_exception(), work_state::not_started));
          work.args.resize(start);
          ++from->at;
          (count == 0 ? work.refused : from->refused) = std::move(error);
          return std::max<std::size_t>(1, count);
        }
        const auto item = static_cast<std::uint32_t>(work.args.size() - start - sizeof(std::uint32_t));
        std::memcpy(work.args.data() + start, &item, sizeof item);
      }
    }
    return count;
  };
}

/// The inputs of a map of a callable, as bodies for its chunks. Bodies that nobody else holds any more are used again
/// where their inputs and results own nothing.
template <class F, class Range, class R>
class body_source {
public:
  body_source(F f, Range& inputs) : f_(std::move(f)), at_(std::ranges::begin(inputs)), end_(std::ranges::end(inputs)) {}

  std::size_t next(pool_work& work, std::size_t most) {
    if (!body_) {
      if (at_ == end_) return 0;
      fill(most);
    }
    const auto count = std::min(most, body_->size() - used_);
    work.many = body_;
    work.base = used_;
    used_ += count;
    if (used_ == body_->size()) body_.reset();
    return count;
  }

private:
  using input = std::ranges::range_value_t<Range>;
  using body = chunk_body<F, input, R>;
  static constexpr bool owns_nothing = std::is_trivially_copyable_v<input> && copied_at_once<R>;
  // Small chunks share a body of this many inputs, if it does no harm to read them early.
  static constexpr std::size_t shared = owns_nothing && sizeof(input) <= 64 ? 256 : 1;

  void fill(std::size_t most) {
    body_ = fresh();
    used_ = 0;
    if constexpr (lies_side_by_side<Range, input>) {
      const auto left = static_cast<std::size_t>(std::ranges::distance(at_, end_));
      const auto count = std::min(std::max(most, shared), left);
      body_->assign(std::to_address(at_), count);
      at_ += static_cast<std::ranges::range_difference_t<Range>>(count);
    } else {
      body_->clear();
      for (std::size_t i = 0; i < most && at_ != end_; ++i, ++at_) body_->add(*at_);
    }
    body_->seal();
  }

  std::shared_ptr<body> fresh() {
    if constexpr (owns_nothing) {
      // Its thread let go of it after its answer, which came here through a lock.
      for (const auto& one : made_) {
        if (one.use_count() == 1) return one;
      }
      made_.push_back(std::make_shared<body>(f_));
      return made_.back();
    } else {
      return std::make_shared<body>(f_);
    }
  }

  const F f_;
  std::ranges::iterator_t<Range> at_;
  std::ranges::sentinel_t<Range> end_;
  std::vector<std::shared_ptr<body>> made_;
  std::shared_ptr<body> body_;
  std::size_t used_ = 0;
};

template <class R, class... Args, class Range>
prepared_map prepare(task<R, Args...> what, Range& inputs) {
  return {what.entry, generate(what, inputs), size_of(inputs)};
}

template <class F, class Range>
using mapped = stored_result<call_result<const F&, const std::ranges::range_value_t<Range>&>>;

/// The result of a callable for each input must not depend on the others: it is called as const, by many threads.
template <class F, class Range>
prepared_map prepare_call(F f, Range& inputs) {
  using source = body_source<F, Range, mapped<F, Range>>;
  auto from = std::make_shared<source>(std::move(f), inputs);
  return {nullptr, [from](pool_work& work, std::size_t most) { return from->next(work, most); }, size_of(inputs)};
}

/// The same for a range that is to come; the callable may be one that can only be moved.
template <class Range, class F>
auto preparing(F f) {
  return [call = copyable(std::move(f))](Range& from) { return prepare_call(call, from); };
}
template <class F, class Range>
using mapped_by = mapped<decltype(copyable(std::declval<F>())), Range>;

}  // namespace steward::detail
