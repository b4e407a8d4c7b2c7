#pragma once

#include "pool/driver.hpp"
#include "pool/inbox.hpp"

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace steward::pooling {

/// Workers that are threads of this process. Each has its own lock and its own queues; no two workers share any.
///
/// A thread cannot be ended: `kill` abandons it. It goes on in the background, what it returns is dropped, and it ends
/// after the task it is in.
class thread_driver final : public driver {
public:
  struct options {
    std::string pool;
    pool_spec spec;
    const task_entry* initializer = nullptr;
    bytes initializer_args{};
  };

  thread_driver(std::shared_ptr<inbox> to, options o);
  ~thread_driver() override;

  void carry_out(const act::start& what, time_point now) override;
  void carry_out(act::assign what, time_point now) override;
  void carry_out(const act::stop& what, time_point now) override;
  void carry_out(const act::terminate&, time_point) override {}
  void carry_out(const act::kill& what, time_point now) override;
  void carry_out(const act::ask_task& what, time_point now) override;
  void carry_out(const act::withdraw& what, time_point now) override;
  void carry_out(const act::harvest& what, time_point now) override;
  void flush() override;
  void report(engine& to, time_point now) override;
  bool collect(engine& to, time_point now) override;
  bool has_news() const override;
  bool may_nap() const override { return heard_ >= nap_after; }
  bool has_urgent_news() const override;
  void channel_event(std::uint64_t, std::uint32_t, engine&, time_point) override {}
  void observe(engine& to, time_point now) override;
  std::optional<time_point> next_due() const override { return std::nullopt; }
  unsigned leaked() const override;

  /// The worker on whose thread this is called, with its pool's inbox; null elsewhere.
  static std::pair<const inbox*, worker_ref> here();

private:
  static constexpr std::size_t nap_after = 8;  // answers in one round

  enum class urgency : std::uint8_t;
  struct worker;
  struct slot;
  struct reply;
  struct remains;
  struct harvested;

  slot* find(worker_ref ref);
  bool any_news(urgency least) const;
  bool collect_from(slot& s, engine& to, time_point now);
  static void bury(slot& s, death how, remains left, engine& to, time_point now);
  void let_go(slot& s);
  void tell_end(slot& s, death how, engine& to, time_point now);
  void hear_batch(slot& s, harvested& found, engine& to, time_point now);
  /// False for an answer that the ledger does not know of.
  static bool hear(slot& s, reply& said, engine& to, time_point now);

  std::shared_ptr<inbox> inbox_;
  options options_;
  sigset_t mask_;  // of the thread that made the pool
  std::deque<slot> slots_;
  // What became of orders, and is not told yet.
  std::vector<std::pair<worker_ref, std::optional<cause>>> launched_;
  std::vector<std::pair<worker_ref, withdrawal>> withdrawn_;
  std::vector<harvested> harvested_;
  std::vector<worker_ref> killed_;
  std::size_t heard_ = 0;                         // answers that the last round brought
  std::vector<std::weak_ptr<worker>> abandoned_;  // those that are gone have expired
};

}  // namespace steward::pooling
