#pragma once

/// The whole public API. Programs that mind their compile times include what they use instead.

#include "steward/actor.hpp"
#include "steward/admin.hpp"
#include "steward/app.hpp"
#include "steward/caf_codec.hpp"
#include "steward/caller.hpp"
#include "steward/cause.hpp"
#include "steward/codec.hpp"
#include "steward/event.hpp"
#include "steward/exceptions.hpp"
#include "steward/messages.hpp"
#include "steward/outcome.hpp"
#include "steward/pool.hpp"
#include "steward/runtime.hpp"
#include "steward/spec.hpp"
#include "steward/task.hpp"
#include "steward/task_actors.hpp"
#include "steward/text_form.hpp"
#include "steward/timer.hpp"
