// A struct that CAF cannot inspect, as a message: CAF has much to say of it, but the first error says what to write.
#include "steward/caller.hpp"

struct named {
  std::string name;
};

void use(steward::self_ptr self, const caf::actor& dst, steward::caller& from) {
  steward::tell(self, dst, named{});
  static_cast<void>(steward::offer(dst, named{}));
  static_cast<void>(from.request<int>(dst, std::chrono::milliseconds{1}, named{}));
}
