// An actor that has its work done by a pool, without waiting for it: it answers while workers are busy, and hears of
// each result by `then`. The tree, with the name of the pool, is in prices.yaml.

#include <steward/steward.hpp>

#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using steward::parameter;

/// What an order costs after this many years, in cents. One that is not positive has no price.
std::int64_t price(std::int64_t cents, std::int64_t years) {
  if (cents <= 0) throw std::invalid_argument("an order of nothing");
  return std::llround(static_cast<double>(cents) * std::pow(1.02, static_cast<double>(years)));
}

steward::task<std::int64_t, std::int64_t, std::int64_t> price_task;

/// Asks the pool for the prices of some orders, tells what they cost together, and leaves.
class clerk {
public:
  static std::vector<steward::param_spec> parameters() {
    return {parameter::pool("pool").doc("finds the prices"),
            parameter::integer("orders").fallback(3).range(1, 1'000).doc("how many; one more is wrong")};
  }

  explicit clerk(const steward::actor_args& args)
      : pool_(args.pool("pool")), print_(args.print()), orders_(args.integer("orders")) {}

  caf::behavior make_behavior(steward::self_ptr self) {
    open_ = orders_ + 1;
    for (std::int64_t n = 0; n <= orders_; ++n) {
      pool_.submit(price_task, n * 100, std::int64_t{10})
          .then(
              [this, self](std::int64_t cents) {
                total_ += cents;
                close_one(self);
              },
              [this, self](const steward::task_error& error) {
                print_("refused: " + error.why.message);
                close_one(self);
              });
    }
    return {[this](steward::show_atom) { return std::to_string(open_) + " open"; }};
  }

private:
  /// It leaves when all prices are known.
  void close_one(steward::self_ptr self) {
    if (--open_ > 0) return;
    print_("all orders cost " + std::to_string(total_) + " cents");
    self->quit();
  }

  steward::actor_pool pool_;
  steward::actor_args::printer print_;
  std::int64_t orders_;
  std::int64_t open_ = 0;
  std::int64_t total_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  steward::app app;
  price_task = app.task("price", price);
  app.actor<clerk>("clerk");
  return app.main(argc, argv);
}
