// A supervision tree built in C++, and an actor that crashes while requests wait in its queue.

#include <steward/steward.hpp>

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>
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

int run(steward::runtime& rt) {
  // The fourth restart within 5 s would end the tree.
  steward::supervisor root{
      rt, {.intensity = {.restarts = 3, .within = 5s}, .children = {steward::child::actor<account>("account")}}};
  if (const auto started = root.start(); !started) {
    std::fprintf(stderr, "%s did not start: %s\n", started.failed_child.c_str(), describe(started.why).c_str());
    return 1;
  }
  const auto target = root.actor("/root/account");  // one handle, whichever incarnation is behind it
  caf::scoped_actor self{rt.system()};
  const auto ask = [&](std::int64_t amount) { return self->request(target, 5s, caf::add_atom::value, amount); };

  // All five are on their way before the first answer is read. The third one is the actor's end, and only its own.
  const std::vector<std::int64_t> amounts{10, 5, -99, 1, 2};
  std::vector<decltype(ask(0))> answers;
  for (const auto amount : amounts) answers.push_back(ask(amount));
  int errors = 0;
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    std::string text;
    answers[i].receive([&](std::string& answer) { text = std::move(answer); },
                       [&](caf::error& problem) {
                         text = steward::describe(problem);
                         errors += 1;
                       });
    std::printf("%+lld: %s\n", static_cast<long long>(amounts[i]), text.c_str());
  }
  return errors == 1 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  steward::app app;
  return app.run(argc, argv, run);
}
