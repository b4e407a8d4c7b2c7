#include "actor_system/actor_link.hpp"

#include "pool/worker.hpp"
#include "steward/cause.hpp"
#include "steward/messages.hpp"
#include "steward/task_actors.hpp"
#include "steward/watch.hpp"

#include <caf/exit_reason.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace steward {

namespace {

constexpr milliseconds find_limit{10'000};
constexpr int socket_bytes = 1 << 20;

type_announcer worker_types;

/// Of the program's other processes. Made once, for a tree may ask for each of many actors.
const auto& types_of_workers() {
  static const auto out = [] {
    caf::actor_system_config config;
    announce_worker_types(config);
    return travelling_types(config);
  }();
  return out;
}

std::atomic<actor_link_hub*> local_hub{nullptr};

/// The worker's end: an actor system of one thread that knows nothing but the gate to its parent.
class worker_end {
public:
  explicit worker_end(int fd) {
    port::configure(config_, port::scheduling::sharing, 1);
    announce_worker_types(config_);
    system_ = port::make_system(config_);
    port::name_node(*system_);
    loop_ = std::make_unique<port::gate_loop>(*system_);
    front_ = loop_->open({fd, true, {}, {}})->offered_by_peer();
  }

  caf::actor_system& system() { return *system_; }

  /// Handles are looked up once a task: they outlive an actor's restarts, but not those of its whole supervisor.
  caf::actor find(std::uint64_t task, std::string_view name) {
    std::lock_guard guard{mutex_};
    if (task != task_) known_.clear();
    task_ = task;
    if (auto it = known_.find(name); it != known_.end()) return it->second;
    caf::scoped_actor self{*system_};
    caf::actor found;
    bool answered = true;
    port::ask(self.ptr(), front_, find_limit, caf::get_atom::value, std::string{name})
        .receive([&](caf::actor& who) { found = who; },
                 [&](caf::error& problem) { answered = code_of(problem) == errc::not_found; });
    if (!answered) throw actor_error("the runtime does not answer on the actor link");
    if (found) known_.emplace(name, found);
    return found;
  }

private:
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::unique_ptr<port::gate_loop> loop_;
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

void announce_worker_types(caf::actor_system_config& config) {
  port::announce_block<caf::id_block::steward>(config);
  if (worker_types) worker_types(config);
}

std::unordered_map<std::type_index, std::string> travelling_types(const caf::actor_system_config& config) {
  auto out = config.type_names_by_rtti;
  out.emplace(typeid(child_end), "child_end");
  return out;
}

std::vector<std::string> unannounced(std::span<const std::type_info* const> types) {
  std::vector<std::string> out;
  for (const auto* type : types) {
    if (types_of_workers().contains(*type)) continue;
    if (auto name = demangle(type->name()); std::ranges::find(out, name) == out.end()) out.push_back(std::move(name));
  }
  return out;
}

actor_link_hub::actor_link_hub(caf::actor_system& system, const supervision::directory& names, bool processes)
    : system_(system), processes_(processes), reach_(new reach{names, {}, {}}) {
  local_hub.store(this);
}

actor_link_hub::~actor_link_hub() {
  local_hub.store(nullptr);
  loop_.reset();
  for (auto& [pool, front] : fronts_) caf::anon_send_exit(front, caf::exit_reason::kill);
}

actor_linker actor_link_hub::link(const std::string& pool, std::map<std::string, std::string> reachable) {
  {
    std::lock_guard guard{reach_->mutex};
    reach_->paths[pool] = std::move(reachable);
  }
  if (!processes_) return {};
  std::lock_guard guard{mutex_};
  auto& front = fronts_[pool];
  if (!front) {
    front = system_.spawn<caf::hidden>([all = reach_, pool]() -> caf::behavior {
      return {[all, pool](caf::get_atom, const std::string& name) -> caf::result<caf::actor> {
        auto found = all->find(pool, name);
        if (!found) return caf::make_error(errc::not_found, name);
        return found;
      }};
    });
  }
  return [this, front](std::function<void(std::string)> broken) { return connect(front, std::move(broken)); };
}

caf::actor actor_link_hub::find(std::string_view pool, std::string_view name) const { return reach_->find(pool, name); }

caf::actor actor_link_hub::reach::find(std::string_view pool, std::string_view name) const {
  std::string path;
  {
    std::lock_guard guard{mutex};
    auto of_pool = paths.find(pool);
    if (of_pool == paths.end()) return {};
    auto it = of_pool->second.find(std::string{name});
    if (it == of_pool->second.end()) return {};
    path = it->second;
  }
  return names.actor(path);
}

int actor_link_hub::connect(const caf::actor& front, std::function<void(std::string)> broken) {
  port::capability_gate::options o;
  o.offered = front;
  o.on_breach = std::move(broken);
  return open(std::move(o)).child_fd;
}

port::gate_loop& actor_link_hub::loop() {
  if (!loop_) loop_ = std::make_unique<port::gate_loop>(system_);
  return *loop_;
}

void actor_link_hub::read_beside(const std::shared_ptr<port::side_reader>& who) {
  std::lock_guard guard{mutex_};
  loop().read_beside(who);
}

actor_link_hub::link_ends actor_link_hub::open(port::capability_gate::options o,
                                               const std::shared_ptr<port::side_reader>& beside) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return {};
  // So that a large message needs fewer turns; as much as the system gives.
  for (const int fd : ends)
    if (::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &socket_bytes, sizeof socket_bytes) != 0)
      ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &socket_bytes, sizeof socket_bytes);
  try {
    std::lock_guard guard{mutex_};
    o.fd = ends[0];
    auto gate = loop().open(std::move(o));
    if (beside) loop().read_beside(beside);
    return {std::move(gate), ends[1]};
  } catch (const std::system_error& problem) {
    for (const int fd : ends) ::close(fd);
    errno = problem.code().value();
    return {};
  }
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
