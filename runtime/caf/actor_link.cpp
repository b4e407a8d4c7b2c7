#include "caf/actor_link.hpp"

#include "pool/worker.hpp"
#include "steward/task_actors.hpp"

#include <caf/exit_reason.hpp>

#include <sys/socket.h>

#include <utility>

namespace steward {

namespace {

constexpr milliseconds attach_limit{10'000};
constexpr std::uint16_t link_port = 0;  // the worker does not care under which number the parent published

type_announcer worker_types;
std::atomic<actor_link_hub*> local_hub{nullptr};

/// The worker's end: an actor system of one thread that knows nothing but its parent.
class worker_end {
public:
  explicit worker_end(int fd) {
    port::configure(config_, port::scheduling::sharing, 1);
    port::announce_block<caf::id_block::steward>(config_);
    if (worker_types) worker_types(config_);
    port::load_network(config_);
    system_ = port::make_system(config_);
    link_ = std::make_unique<port::network_link>(*system_);
    front_ = link_->attach(fd, link_port, attach_limit);
  }

  caf::actor_system& system() { return *system_; }

  /// Handles are looked up once a task: they outlive an actor's restarts, but not those of its whole supervisor.
  caf::actor find(std::uint64_t task, std::string_view name) {
    if (!front_) throw actor_error("the runtime does not answer on the actor link");
    std::lock_guard guard{mutex_};
    if (task != task_) known_.clear();
    task_ = task;
    if (auto it = known_.find(name); it != known_.end()) return it->second;
    caf::scoped_actor self{*system_};
    caf::actor found;
    port::ask(self.ptr(), front_, attach_limit, caf::get_atom::value, std::string{name})
        .receive([&](caf::actor& who) { found = who; }, [](caf::error&) {});
    if (found) known_.emplace(name, found);
    return found;
  }

private:
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::unique_ptr<port::network_link> link_;
  caf::actor front_;
  std::mutex mutex_;
  std::map<std::string, caf::actor, std::less<>> known_;
  std::uint64_t task_ = 0;
};

/// Made at the first use and left alone at the end: a worker leaves through _exit.
worker_end& this_worker() {
  static auto* end = new worker_end{pooling::worker_actor_link_fd()};
  return *end;
}

bool in_linked_worker() { return pooling::worker_actor_link_fd() >= 0; }

}  // namespace

void set_worker_types(type_announcer announce) { worker_types = std::move(announce); }

actor_link_hub::actor_link_hub(caf::actor_system& system, const supervision::directory& names, bool network)
    : system_(system), names_(names) {
  if (network) network_ = std::make_unique<port::network_link>(system);
  local_hub.store(this);
}

actor_link_hub::~actor_link_hub() {
  local_hub.store(nullptr);
  for (auto& [pool, front] : fronts_) {
    network_->withdraw(front.first);
    caf::anon_send_exit(front.first, caf::exit_reason::kill);
  }
}

std::function<int()> actor_link_hub::link(const std::string& pool, std::map<std::string, std::string> reachable) {
  std::lock_guard guard{mutex_};
  reachable_[pool] = std::move(reachable);
  if (!network_) return {};
  auto& [front, port] = fronts_[pool];
  if (!front) {
    port = ++last_port_;
    front = system_.spawn<caf::hidden>([this, pool]() -> caf::behavior {
      return {[this, pool](caf::get_atom, const std::string& name) -> caf::result<caf::actor> {
        auto found = find(pool, name);
        if (!found) return caf::make_error(errc::not_found, name);
        return found;
      }};
    });
  }
  return [this, who = front, port = port] { return connect(who, port); };
}

caf::actor actor_link_hub::find(std::string_view pool, std::string_view name) const {
  std::string path;
  {
    std::lock_guard guard{mutex_};
    auto of_pool = reachable_.find(pool);
    if (of_pool == reachable_.end()) return {};
    auto it = of_pool->second.find(std::string{name});
    if (it == of_pool->second.end()) return {};
    path = it->second;
  }
  return names_.actor(path);
}

int actor_link_hub::connect(const caf::actor& front, std::uint16_t port) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return -1;
  network_->offer(ends[0], port, front);
  return ends[1];
}

namespace detail {

caf::actor_system& task_system() {
  if (in_linked_worker()) return this_worker().system();
  if (auto* hub = local_hub.load()) return hub->system();
  throw actor_error("this task's pool was given no actors");
}

caf::actor find_task_actor(const task_context& context, std::string_view name) {
  caf::actor found;
  if (in_linked_worker())
    found = this_worker().find(context.task_id, name);
  else if (auto* hub = local_hub.load())
    found = hub->find(context.pool, name);
  if (!found)
    throw actor_error("no actor '" + std::string{name} + "' for this task; name it under the pool's 'actors'");
  return found;
}

}  // namespace detail
}  // namespace steward
