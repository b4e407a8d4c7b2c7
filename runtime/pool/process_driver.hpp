#pragma once

#include "pool/driver.hpp"
#include "pool/inbox.hpp"
#include "pool/worker_output.hpp"
#include "process/channel.hpp"
#include "process/flight_page.hpp"
#include "process/keeper.hpp"
#include "steward/detail/item_protocol.hpp"
#include "steward/pool.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace steward::pooling {

/// Workers that are processes. Each has its own socket and its own flight recorder; no two share any.
///
/// A death has two witnesses, the end of the channel and the keeper's exit report, and is told to the engine when both
/// have spoken and everything that the worker sent has been read. Each is waited for within a limit.
class process_driver final : public driver {
public:
  struct options {
    process::keeper* keeper = nullptr;
    std::string pool;
    std::string path;  // in the tree
    pool_spec spec;
    actor_linker actor_link;
  };
  /// The keys of the driver's descriptors in the loop's epoll set: a worker's place and one, and these for its standard
  /// output and error.
  static constexpr std::uint64_t stdout_key = std::uint64_t{1} << 32;
  static constexpr std::uint64_t stderr_key = std::uint64_t{1} << 33;

  process_driver(std::shared_ptr<inbox> to, int epoll_fd, options o);
  ~process_driver() override;

  void carry_out(const act::start& what, time_point now) override;
  void launch(time_point now) override;
  void carry_out(act::assign what, time_point now) override;
  void carry_out(const act::stop& what, time_point now) override;
  void carry_out(const act::terminate& what, time_point now) override;
  void carry_out(const act::kill& what, time_point now) override;
  void carry_out(const act::ask_task& what, time_point now) override;
  void carry_out(const act::withdraw& what, time_point now) override;
  void carry_out(const act::harvest& what, time_point now) override;
  void flush() override;
  void report(engine& to, time_point now) override;
  bool collect(engine& to, time_point now) override;
  bool has_news() const override { return !exits_.empty() || !named_.empty() || !breaches_.empty(); }
  void channel_event(std::uint64_t key, std::uint32_t events, engine& to, time_point now) override;
  void observe(engine& to, time_point now) override;
  std::optional<time_point> next_due() const override;
  unsigned leaked() const override { return 0; }

private:
  // SIGKILL is final, yet the kernel may take its time to free a large process; after this long it is given up.
  static constexpr std::chrono::milliseconds patience_for_kill{10'000};

  struct slot {
    worker_ref ref;
    bool alive = false;
    process::child_id child = 0;
    int pid = 0;
    time_point born;
    int fd = -1;
    worker_output output{};
    bool open = false;  // the channel's end has not been seen
    bool want_write = false;
    bool dirty = false;          // frames were queued since the last flush
    std::uint64_t assigned = 0;  // tasks and chunks
    std::uint64_t answered = 0;  // of these
    bool limited = false;        // the page says which it is not to begin
    bool ready = false;
    bool killed = false;
    bool terminated = false;
    bool lingers = false;              // it closed its channel and went on, so it was killed
    bool named = false;                // its frames were looked up, or are being
    std::optional<cause> not_started;  // what its initializer threw
    std::optional<cause> fault;        // it broke the protocol
    std::optional<process::exit_report> report;
    std::optional<time_point> patience;     // until then the missing witness is waited for
    std::optional<time_point> closed;       // when the channel's end was seen
    std::optional<time_point> frame_until;  // until then more of the frame that it began is waited for
    std::uint64_t heard = 0;                // bytes, by then
    process::frame_reader reader{};
    process::frame_writer writer;
    process::flight_recorder recorder;

    void close_ends() noexcept;
    task_id in_hand() const noexcept;
  };
  struct launched {
    worker_ref ref;
    int pid = 0;
    std::string problem{};  // why there is none
  };
  struct harvested {
    worker_ref ref;
    task_id id = 0;
    detail::staged_items found;
    time_point since;
  };
  struct exit_news {
    worker_ref ref;
    process::exit_report report;
  };

  slot* find(worker_ref ref);
  struct launching;
  void prepare(launching& one);
  process::start_request request_for(const launching& one) const;
  void adopt(launching& one, const process::started& child, time_point now);
  void flush(slot& s);
  void watch(slot& s, bool write);
  void read(slot& s, engine& to, time_point now);
  bool handle(slot& s, const process::frame& f, engine& to, time_point now);
  bool take_result(slot& s, const process::frame& f, engine& to, time_point now);
  bool take_failure(slot& s, const process::frame& f, engine& to, time_point now);
  bool lose_result(slot& s, const process::frame& f, int error, engine& to, time_point now);
  void watch_frame(slot& s, time_point now);
  static task_place place_of(const slot& s);
  static worker_output::teller lines_of(const slot& s, engine& to);
  static detail::staged_items read_staged(const slot& s, std::uint64_t id);
  void salvage(slot& s, engine& to, time_point now);
  void end_for(slot& s, cause fault, time_point now);
  void broke_protocol(slot& s, std::string problem, time_point now);
  void channel_ended(slot& s, time_point now);
  void out_of_patience(slot& s, engine& to, time_point now);
  void bury(slot& s, engine& to, time_point now);
  bool find_names(slot& s);
  cause judge(slot& s) const;
  void explain_exit(const slot& s, cause& why) const;
  time_point time_of(const slot& s, std::uint64_t ns, time_point now) const;

  std::shared_ptr<inbox> inbox_;
  int epoll_fd_;
  options options_;
  std::deque<slot> slots_;
  std::vector<exit_news> exits_;
  std::vector<worker_ref> named_;                             // dead ones whose frames have names now
  std::vector<std::pair<worker_ref, std::string>> breaches_;  // of the protocol on the actor links
  std::vector<worker_ref> to_start_;
  // What became of orders, and is not told yet.
  std::vector<launched> launched_;
  std::vector<std::pair<worker_ref, withdrawal>> withdrawn_;
  std::vector<harvested> harvested_;
  bytes payload_;  // of the frame that is made
};

}  // namespace steward::pooling
