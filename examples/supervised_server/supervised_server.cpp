// A program that knows nothing of steward is a child of a supervisor: it is killed, and started again.

#include <steward/steward.hpp>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <mutex>

namespace {

using namespace std::chrono_literals;

/// Prints how the server fares, and kills it the first time that it is up.
class observer {
public:
  void operator()(const steward::event& e) {
    if (e.actor != "/root/web") return;
    using steward::event_kind;
    if (e.kind == event_kind::crash) std::printf("killed: %s\n", steward::describe(*e.why).c_str());
    if (e.kind != event_kind::ready && e.kind != event_kind::recover) return;
    const auto life = e.incarnation.value_or(0);
    std::printf("up, life %llu\n", static_cast<unsigned long long>(life));
    if (life == 1) ::kill(*e.pid, SIGKILL);
    if (life < 2) return;
    const std::lock_guard guard{mutex_};
    is_up_again_ = true;
    changed_.notify_all();
  }

  bool wait() {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(guard, 30s, [this] { return is_up_again_; });
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_up_again_ = false;
};

int run(steward::runtime& rt) {
  observer see;
  rt.events().add_sink([&see](const steward::event& e) { see(e); });
  steward::supervisor root{
      rt,
      {.children = {steward::child::command("web", {.run = {"sh", "-c", "echo serving; exec sleep 1000"},
                                                    .ready = {.line = "^serving$"},
                                                    .stop = {SIGINT, 5s, SIGKILL}})}}};
  if (const auto started = root.start(); !started) {
    std::fprintf(stderr, "%s did not start: %s\n", started.failed_child.c_str(), describe(started.why).c_str());
    return 1;
  }
  const bool again = see.wait();
  root.stop();
  return again ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  steward::app app;
  return app.run(argc, argv, run);
}
