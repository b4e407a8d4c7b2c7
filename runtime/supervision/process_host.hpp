#pragma once

#include "process/flight_page.hpp"
#include "process/keeper.hpp"
#include "steward/cause.hpp"
#include "supervision/process_errors.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace steward::supervision {

struct process_place;

/// Whoever has an incarnation in a process that it shares.
class process_tenant {
public:
  virtual ~process_tenant() = default;
  /// The process has ended. `killed`: by one of the tenants, for this reason.
  /// `innocent`: another one of them has caused it.
  virtual void on_host_exit(const process::exit_report& report, const std::optional<cause>& killed, bool innocent) = 0;
  /// Whether it had something in hand there.
  virtual bool was_busy() const = 0;
  virtual bool is_called(const std::string& path) const = 0;
};

/// A process in which several incarnations live: those of a group of actors, or of a whole subtree.
///
/// It is started for the first that moves in; the link and the work page of each one are sent to it. All share its
/// fate: when it ends, all are told; whoever has caused it, as far as that is known, first, and the others when its
/// supervisor knows of it. When the last has left, it is killed, and whoever comes then finds another one.
/// Thread-safe. A tenant may call it with its own lock held; tenants are called without any.
class process_host final : public std::enable_shared_from_this<process_host> {
public:
  /// `name`: before the lines that it writes to its standard error.
  explicit process_host(std::string name);
  ~process_host();

  struct entry {
    std::string problem{};  ///< why it cannot
    bool over = false;      ///< it has ended, or is about to: try another one
  };
  /// The tenant moves in, with its end of a link and its work page, which are borrowed.
  entry take_in(const process_place& place, const std::shared_ptr<process_tenant>& who, int link_fd, int page_fd);
  /// It has ended, or never began.
  void leave(const process_tenant& who);
  /// Its cell has done what is to be done about its end.
  void was_heard(const process_tenant& who);
  /// Ends the process at once; the first reason is that of the end of all. `by`: the path of whose reason it is.
  void kill(const cause& why, const std::string& by);

  int pid() const;
  /// What it has said before it died.
  const process::flight_recorder& recorder() const noexcept { return recorder_; }
  /// The last lines of its standard error, once it has ended.
  std::vector<std::string> last_lines();

private:
  std::string start(const process_place& place);
  void on_exit(const process::exit_report& report);
  void tell_tenants();
  void tell(const std::vector<std::shared_ptr<process_tenant>>& whom, const process_tenant* culprit);

  const std::string name_;
  process::keeper* keeper_ = nullptr;
  process::flight_recorder recorder_;
  const std::shared_ptr<process_errors> errors_;

  mutable std::mutex mutex_;
  int control_ = -1;  // through which tenants are sent
  process::child_id child_ = 0;
  int pid_ = 0;
  bool over_ = false;
  std::vector<std::pair<const process_tenant*, std::weak_ptr<process_tenant>>> tenants_;
  const process_tenant* culprit_ = nullptr;  // who is told and was not heard yet
  std::vector<std::shared_ptr<process_tenant>> later_;
  std::optional<process::exit_report> report_;
  std::optional<std::pair<cause, std::string>> killed_;
  std::optional<std::vector<std::string>> last_lines_;
};

/// The processes that are shared in a tree, by name. Thread-safe.
class process_hosts {
public:
  /// The one of this name. `instead_of`: it is over, and another one is wanted.
  std::shared_ptr<process_host> at(const std::string& name, const process_host* instead_of = nullptr) {
    const std::lock_guard lock{mutex_};
    auto out = hosts_[name].lock();
    if (out && out.get() != instead_of) return out;
    std::erase_if(hosts_, [](const auto& x) { return x.second.expired(); });
    hosts_[name] = out = std::make_shared<process_host>(name);
    return out;
  }

private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<process_host>> hosts_;
};

}  // namespace steward::supervision
