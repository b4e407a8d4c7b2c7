#include "cli/views/top_model.hpp"

#include <algorithm>

// What keys do.

namespace steward::cli {
namespace {

constexpr std::size_t most_crashes = 100;
constexpr std::size_t most_filter_bytes = 64;

void move(top_state& state, const std::vector<std::string>& all, std::ptrdiff_t by) {
  if (all.empty()) return;
  const auto at = std::find(all.begin(), all.end(), state.selected);
  const auto now = at == all.end() ? std::ptrdiff_t{0} : at - all.begin();
  const auto last = static_cast<std::ptrdiff_t>(all.size()) - 1;
  state.selected = all[static_cast<std::size_t>(std::clamp(now + by, std::ptrdiff_t{0}, last))];
}

/// The child that is meant: the selected one, or that of the selected crash.
const child_view* chosen(const run_view& view, const top_state& state, std::string& path) {
  const auto all = selectable(view, state);
  if (all.empty()) return nullptr;
  path = std::find(all.begin(), all.end(), state.selected) != all.end() ? state.selected : all.front();
  if (const auto* crash = view.crash(path)) path = crash->path;
  return view.find(path);
}

void ask(top_state& state, const run_view& view, char key) {
  std::string path;
  const auto* x = chosen(view, state, path);
  if (x == nullptr) return;
  if (key == '+' || key == '-') {
    if (x->kind == "worker") {
      path = x->parent;
      x = view.find(path);
    }
    if (x == nullptr || !x->pool) {
      state.message = path + " is no pool, so it has no number of workers";
      return;
    }
    const auto now = x->pool->workers.value_or(1);
    if (key == '-' && now <= 1) {
      state.message = path + " has one worker, and keeps it";
      return;
    }
    state.asks = top_order{"resize", path, key == '+' ? now + 1 : now - 1};
    return;
  }
  if (x->kind == "worker" && key != 'k') {
    state.message = path + " is a worker; its pool decides about it, but it can be killed";
    return;
  }
  const auto verb = key == 's' ? "stop" : key == 'k' ? "kill" : is_down(x->status) ? "start" : "restart";
  state.asks = top_order{verb, path, 0};
}

void type_filter(top_state& state, const top_input& input) {
  switch (input.key) {
    case top_key::enter:
      state.types_filter = false;
      return;
    case top_key::escape:
      state.types_filter = false;
      state.filter.clear();
      return;
    case top_key::backspace:
      if (!state.filter.empty()) state.filter.pop_back();
      return;
    case top_key::character:
      if (state.filter.size() < most_filter_bytes) state.filter += input.character;
      return;
    default:
      return;
  }
}

void press_character(top_state& state, char key, const run_view& view, bool live) {
  switch (key) {
    case 'q':
      state.over = true;
      return;
    case '?':
      state.shown = top_state::page::help;
      return;
    case '/':
      state.types_filter = true;
      return;
    case 'p':
      state.paused = !state.paused;
      return;
    case 'r':
    case 's':
    case 'k':
    case '+':
    case '-':
      if (live)
        ask(state, view, key);
      else
        state.message = view.ended ? "the run is over: there is nothing to steer"
                                   : "this is what a run has left, and can only be looked at; name a live run to steer";
      return;
    default:
      return;
  }
}

/// On another page than the tree: the way back, and up and down.
void press_elsewhere(top_state& state, const top_input& input, std::size_t page_lines) {
  const bool leaves = input.key == top_key::enter || input.key == top_key::escape || input.key == top_key::backspace ||
                      (input.key == top_key::character && (input.character == 'q' || input.character == '?'));
  if (leaves) {
    state.shown = top_state::page::tree;
    state.scrolled = 0;
  }
  if (input.key == top_key::down) ++state.scrolled;
  if (input.key == top_key::up && state.scrolled > 0) --state.scrolled;
  if (input.key == top_key::page_down) state.scrolled += page_lines;
  if (input.key == top_key::page_up) state.scrolled -= std::min(state.scrolled, page_lines);
  if (input.key == top_key::home) state.scrolled = 0;
}

}  // namespace

std::vector<std::string> selectable(const run_view& view, const top_state& state) {
  std::vector<std::string> out;
  for (const auto& one : scene{view, view.now, run_state::live}.children())
    if (state.filter.empty() || one.path->find(state.filter) != std::string::npos) out.push_back(*one.path);
  std::size_t crashes = 0;
  for (auto it = view.crashes.rbegin(); it != view.crashes.rend() && crashes < most_crashes; ++it, ++crashes)
    out.push_back(it->id);
  return out;
}

std::optional<top_order> press(top_state& state, const top_input& input, const run_view& view, bool live,
                               std::size_t page_lines) {
  if (input.key == top_key::none || input.key == top_key::resize) return std::nullopt;
  if (state.asks) {
    const bool yes = input.key == top_key::character && (input.character == 'y' || input.character == 'Y');
    auto order = std::move(*state.asks);
    state.asks.reset();
    if (!yes) state.message = "nothing was done";
    return yes ? std::optional{std::move(order)} : std::nullopt;
  }
  state.message.clear();
  if (state.types_filter) {
    type_filter(state, input);
    return std::nullopt;
  }
  if (state.shown != top_state::page::tree) {
    press_elsewhere(state, input, page_lines);
    return std::nullopt;
  }
  const auto step = static_cast<std::ptrdiff_t>(std::max<std::size_t>(page_lines, 1));
  const auto far = static_cast<std::ptrdiff_t>(run_view::max_children + run_view::max_crashes);
  switch (input.key) {
    case top_key::up:
      move(state, selectable(view, state), -1);
      break;
    case top_key::down:
      move(state, selectable(view, state), 1);
      break;
    case top_key::page_up:
      move(state, selectable(view, state), -step);
      break;
    case top_key::page_down:
      move(state, selectable(view, state), step);
      break;
    case top_key::home:
      move(state, selectable(view, state), -far);
      break;
    case top_key::end:
      move(state, selectable(view, state), far);
      break;
    case top_key::enter:
      state.shown = top_state::page::details;
      state.scrolled = 0;
      break;
    case top_key::escape:
      state.filter.clear();
      break;
    case top_key::character:
      press_character(state, input.character, view, live);
      break;
    default:
      break;
  }
  return std::nullopt;
}

}  // namespace steward::cli
