#pragma once

#include "policy/supervisor_machine.hpp"
#include "steward/actor.hpp"
#include "steward/event.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace steward::supervision {

/// What a cell tells its kernel. Each names the incarnation it is about, so that late reports do no harm.
struct cell_report {
  enum class kind : std::uint8_t {
    ready,         ///< the behaviour exists
    start_failed,  ///< the constructor or `make_behavior` threw or declined
    exited,        ///< a handler threw, or the state called quit
    left,          ///< the actor is over; `lost` messages had no handler
  };
  std::uint64_t node = 0;
  std::uint64_t cell = 0;  ///< `cell_spec::serial`
  kind what = kind::ready;
  std::uint64_t incarnation = 0;
  policy::exit_info how;
  std::string in_hand;     ///< the message that was being handled when it crashed
  std::uint64_t kept = 0;  ///< messages that wait for the next incarnation
  std::uint64_t lost = 0;
  bool was_up = false;  ///< `left`: an incarnation lived until then
};

/// Actors by the names of the parameters that name them.
using actor_map = std::map<std::string, caf::actor>;

/// What the kernel tells a cell. Overtakes the mailbox.
struct cell_command {
  enum class kind : std::uint8_t {
    incarnate,  ///< build the state of the next incarnation
    leave,      ///< destroy the state and end the actor
  };
  kind what = kind::incarnate;
  std::uint64_t incarnation = 0;
  std::shared_ptr<const actor_map> actors;  ///< `incarnate`: what the parameters name, as of now
};

/// What all incarnations of a cell share. Immutable while the cell lives.
struct cell_spec {
  std::uint64_t node = 0;
  std::uint64_t serial = 0;  ///< tells a cell from one that was abandoned before it
  std::string path;
  state_factory make;
  param_map params;
  actor_args::printer print;
  std::uint64_t seed = 0;
  event_log* events = nullptr;  ///< outlives the actor system
};

}  // namespace steward::supervision

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::supervision::cell_report)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::supervision::cell_command)

namespace steward::supervision {

/// The actor cell: one actor, many incarnations of its state (the term is Akka's).
///
/// The cell's handle and mailbox stay while the state in it is replaced. A handler that throws is contained in place:
/// the request in hand is answered at once with the exception's type and text, the state is destroyed, the kernel is
/// told, and messages wait, in order, until the kernel asks for the next incarnation. All user code of an actor runs
/// here, on one scheduler thread at a time. A message that no handler takes is reported and dropped; a request gets an
/// error.
class cell final : public port::durable_actor<cell_command> {
public:
  cell(caf::actor_config& cfg, std::shared_ptr<const cell_spec> spec, caf::actor kernel);

  caf::behavior make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "steward.cell"; }

private:
  void on_command(cell_command& command) override;
  void on_throw(const std::exception_ptr& problem, const std::string& in_hand) override;
  void on_quit(caf::error reason) override;
  caf::result<caf::message> on_unexpected(caf::message_view& view) override;

  void incarnate(const cell_command& command);
  void report(cell_report what);

  std::shared_ptr<const cell_spec> spec_;
  caf::actor kernel_;
  std::unique_ptr<hosted_state> state_;
  std::uint64_t incarnation_ = 0;
};

/// How an exit reason counts for restart types: no reason is normal, CAF's shutdown reasons are shutdown, all else
/// abnormal.
policy::exit_info exit_of(const caf::error& reason);

}  // namespace steward::supervision
