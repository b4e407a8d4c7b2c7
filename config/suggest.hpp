#pragma once

#include "base/suggest.hpp"

namespace steward::config {

using steward::did_you_mean;
using steward::edit_distance;
using steward::fold_word;
using steward::list_names;

}  // namespace steward::config
