#include "steward/port.hpp"

#include <caf/actor_registry.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/network/multiplexer.hpp>

#include <set>
#include <string>

namespace steward::port {

void load_network(caf::actor_system_config& cfg) { cfg.load<caf::io::middleman>(); }

network_link::network_link(caf::actor_system& system)
    : system_(system), broker_(system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"))) {}

void network_link::offer(int fd, std::uint16_t port, const caf::actor& who) {
  auto scribe = system_.middleman().backend().new_scribe(fd);
  caf::anon_send(broker_, caf::publish_atom::value, std::move(scribe), port,
                 caf::actor_cast<caf::strong_actor_ptr>(who), std::set<std::string>{});
}

caf::actor network_link::attach(int fd, std::uint16_t port, std::chrono::milliseconds limit) {
  auto scribe = system_.middleman().backend().new_scribe(fd);
  caf::scoped_actor self{system_};
  caf::actor found;
  self->request(broker_, limit, caf::connect_atom::value, std::move(scribe), port)
      .receive([&](caf::node_id&, caf::strong_actor_ptr& who,
                   std::set<std::string>&) { found = caf::actor_cast<caf::actor>(who); },
               [](caf::error&) {});
  return found;
}

void network_link::withdraw(const caf::actor& who) { system_.registry().erase(who.id()); }

}  // namespace steward::port
