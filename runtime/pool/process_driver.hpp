#pragma once

#include "pool/driver.hpp"
#include "pool/inbox.hpp"
#include "process/channel.hpp"
#include "process/flight_page.hpp"
#include "process/keeper.hpp"

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
    std::uint64_t memory_limit = 0;
    unsigned workers = 1;
    unsigned attempts = 1;
    std::function<int()> actor_link;
  };

  process_driver(std::shared_ptr<inbox> to, int epoll_fd, options o);
  ~process_driver() override;

  void carry_out(const act::start& what, engine& to, time_point now) override;
  void carry_out(act::assign what, engine& to, time_point now) override;
  void carry_out(const act::stop& what) override;
  void carry_out(const act::terminate& what) override;
  void carry_out(const act::kill& what, engine& to, time_point now) override;
  void flush() override;
  bool collect(engine& to, time_point now) override;
  bool has_news() const override { return !exits_.empty(); }
  void channel_event(unsigned index, std::uint32_t events, engine& to, time_point now) override;
  void observe(engine& to, time_point now) override;
  std::optional<time_point> next_due() const override;
  unsigned leaked() const override { return 0; }

private:
  struct slot {
    worker_ref ref;
    bool alive = false;
    process::child_id child = 0;
    int fd = -1;
    bool open = false;  // the channel's end has not been seen
    bool want_write = false;
    bool dirty = false;  // frames were queued since the last flush
    bool killed = false;
    std::optional<cause> fault;  // it broke the protocol
    std::optional<process::exit_report> report;
    std::optional<time_point> patience;  // until then the missing witness is waited for
    process::frame_reader reader{};
    process::frame_writer writer;
    process::flight_recorder recorder;
  };
  struct exit_news {
    worker_ref ref;
    process::exit_report report;
  };

  slot* find(worker_ref ref);
  process::started launch(slot& s, worker_ref ref);
  void flush(slot& s);
  void watch(slot& s, bool write);
  void read(slot& s, engine& to, time_point now);
  bool handle(slot& s, const process::frame& f, engine& to, time_point now);
  void broke_protocol(slot& s, std::string problem, time_point now);
  void channel_ended(slot& s, time_point now);
  void out_of_patience(slot& s, engine& to, time_point now);
  void bury(slot& s, engine& to, time_point now);
  cause judge(const slot& s) const;

  std::shared_ptr<inbox> inbox_;
  int epoll_fd_;
  options options_;
  std::vector<slot> slots_;
  std::vector<exit_news> exits_;
};

}  // namespace steward::pooling
