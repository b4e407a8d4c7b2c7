// A supervision tree built in C++, and an actor that crashes while requests wait in its queue.

#include <steward/steward.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;

/// An account that must not be overdrawn. It does not defend itself: it throws, and its supervisor makes a new one.
class account {
public:
  explicit account(const steward::actor_args& args) : incarnation_(args.incarnation()) {}

  caf::behavior make_behavior() {
    return {[this](caf::add_atom, std::int64_t amount) { return add(amount); }};
  }

private:
  std::string add(std::int64_t amount) {
    if (balance_ + amount < 0)
      throw std::domain_error(std::to_string(balance_) + " is not enough for " + std::to_string(-amount));
    balance_ += amount;
    return "balance " + std::to_string(balance_) + ", incarnation " + std::to_string(incarnation_);
  }

  std::uint64_t incarnation_;
  std::int64_t balance_ = 0;  // a new incarnation begins with nothing
};

/// Sends five requests at once, prints the answers as they come, and leaves. The third one is the account's end, and
/// only its own: the handle stays valid, whichever incarnation is behind it, and nothing that waits is lost.
class customer {
public:
  customer(steward::self_ptr self, const steward::actor_args& args, std::atomic<int>& errors)
      : self_(self), print_(args.print()), account_(args.actor("account")), errors_(errors) {}

  static std::vector<steward::param_spec> parameters() { return {steward::parameter::actor("account")}; }

  caf::behavior make_behavior() {
    for (const std::int64_t amount : {10, 5, -99, 1, 2}) {
      steward::ask(self_, account_, 5s, caf::add_atom::value, amount)
          .then([this, amount](const std::string& answer) { tell(amount, answer); },
                [this, amount](const caf::error& problem) {
                  errors_ += 1;
                  tell(amount, steward::describe(problem));
                });
    }
    return {[](caf::tick_atom) {}};  // it waits for answers only
  }

private:
  void tell(std::int64_t amount, const std::string& text) {
    print_((amount > 0 ? "+" : "") + std::to_string(amount) + ": " + text);
    if (++answers_ == 5) self_->quit();
  }

  steward::self_ptr self_;
  steward::actor_args::printer print_;
  caf::actor account_;
  std::atomic<int>& errors_;
  int answers_ = 0;
};

int run(steward::runtime& rt) {
  std::atomic<int> errors = 0;
  steward::supervisor root{
      rt,
      {.intensity = {.restarts = 3, .within = 5s},  // the fourth restart within 5 s would end the tree
       .children = {steward::child::actor<account>("account"),
                    steward::child::actor("customer",
                                          [&errors](steward::self_ptr self, const steward::actor_args& args) {
                                            return customer{self, args, errors};
                                          },
                                          {{"account", "account"}}, {.restart = steward::restart_type::transient})}}};
  if (const auto started = root.start(); !started) {
    std::fprintf(stderr, "%s did not start: %s\n", started.failed_child.c_str(), describe(started.why).c_str());
    return 1;
  }
  const auto late = root.wait_for_ends({"/root/customer"}, std::chrono::steady_clock::now() + 30s);
  return late.empty() && errors == 1 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  steward::app app;
  return app.run(argc, argv, run);
}
