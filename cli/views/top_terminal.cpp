#include "cli/views/top_terminal.hpp"

#include "cli/views/curses_library.hpp"

#include <unistd.h>

#include <langinfo.h>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

namespace steward::cli {
namespace {

constexpr int colours[] = {COLOR_GREEN, COLOR_RED, COLOR_YELLOW};  // of the pairs from 1 on

struct appearance {
  attr_t attributes = A_NORMAL;
  short pair = 0;
};

appearance appearance_of(ink x, bool colour) {
  const auto coloured = [colour](short pair, attr_t otherwise) {
    return colour ? appearance{A_NORMAL, pair} : appearance{otherwise, 0};
  };
  switch (x) {
    case ink::plain:
      return {};
    case ink::strong:
      return {A_BOLD, 0};
    case ink::dim:
      return {A_DIM, 0};
    case ink::good:
      return coloured(1, A_NORMAL);
    case ink::bad:
      return coloured(2, A_BOLD);
    case ink::odd:
      return coloured(3, A_BOLD);
  }
  return {};
}

/// Where the terminal's characters are not those of UTF-8, others stand as question marks.
std::string in_ascii(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80)
      out += c;
    else if (byte >= 0xC0)
      out += '?';
  }
  return out;
}

/// Whether the terminal can do that. Names are those of terminfo(5); one that is none of them is -1.
bool has(const curses_library& with, const char* ability) {
  const char* how = with.tigetstr(ability);
  return how != nullptr && how != reinterpret_cast<const char*>(-1);
}

std::string why_not() {
  const char* name = std::getenv("TERM");
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1)
    return "needs a terminal for standard input and output; 'steward tree' and 'steward ps' do not";
  return "the terminal '" + std::string{name != nullptr ? name : ""} +
         "' cannot be painted on; 'steward tree' and 'steward ps' write plain text";
}

}  // namespace

struct top_terminal::impl {
  const curses_library& curses = curses_library::get();
  SCREEN* screen = nullptr;
  bool colour = false;
  bool utf8 = false;
};

top_terminal::top_terminal(bool colour) : impl_(std::make_unique<impl>()) {
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1) throw std::runtime_error(why_not());
  const auto& curses = impl_->curses;
  const bool has_locale = std::setlocale(LC_CTYPE, "") != nullptr;
  impl_->utf8 = has_locale && std::string_view{::nl_langinfo(CODESET)} == "UTF-8";
  int problem = 0;
  if (curses.setupterm(nullptr, STDOUT_FILENO, &problem) != OK || !has(curses, "cup") || !has(curses, "clear"))
    throw std::runtime_error(why_not());
  impl_->screen = curses.newterm(nullptr, stdout, stdin);
  if (impl_->screen == nullptr) throw std::runtime_error(why_not());
  curses.cbreak();
  curses.noecho();
  curses.nonl();
  curses.keypad(*curses.screen, TRUE);
  curses.set_escdelay(50);
  curses.curs_set(0);
  impl_->colour = colour && curses.has_colors() && curses.start_color() == OK;
  if (!impl_->colour) return;
  const short background = curses.use_default_colors() == OK ? short{-1} : short{COLOR_BLACK};
  short number = 1;
  for (const int one : colours) curses.init_pair(number++, static_cast<short>(one), background);
}

top_terminal::~top_terminal() {
  if (impl_->screen == nullptr) return;
  const auto& curses = impl_->curses;
  curses.endwin();
  curses.delscreen(impl_->screen);
}

top_size top_terminal::size() const {
  const auto& curses = impl_->curses;
  return {static_cast<std::size_t>(curses.getmaxy(*curses.screen)),
          static_cast<std::size_t>(curses.getmaxx(*curses.screen))};
}

bool top_terminal::is_utf8() const noexcept { return impl_->utf8; }

void top_terminal::paint(const std::vector<top_line>& lines) {
  const auto& curses = impl_->curses;
  curses.erase();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    curses.move(static_cast<int>(i), 0);
    for (const auto& one : lines[i].parts) {
      const auto [attributes, pair] = appearance_of(one.with, impl_->colour);
      curses.attr_set(attributes, pair, nullptr);
      curses.addstr(impl_->utf8 ? one.text.c_str() : in_ascii(one.text).c_str());
    }
    curses.attr_set(A_NORMAL, 0, nullptr);
    if (lines[i].selected) curses.mvchgat(static_cast<int>(i), 0, -1, A_REVERSE, 0, nullptr);
  }
  curses.refresh();
}

top_input top_terminal::read(std::chrono::milliseconds patience) {
  impl_->curses.timeout(static_cast<int>(patience.count()));
  const int key = impl_->curses.getch();
  switch (key) {
    case ERR:
      return {};
    case KEY_UP:
      return {top_key::up};
    case KEY_DOWN:
      return {top_key::down};
    case KEY_PPAGE:
      return {top_key::page_up};
    case KEY_NPAGE:
      return {top_key::page_down};
    case KEY_HOME:
      return {top_key::home};
    case KEY_END:
      return {top_key::end};
    case KEY_ENTER:
    case '\r':
    case '\n':
      return {top_key::enter};
    case KEY_BACKSPACE:
    case 127:
    case 8:
      return {top_key::backspace};
    case 27:
      return {top_key::escape};
    case KEY_RESIZE:
      return {top_key::resize};
    default:
      return key >= ' ' && key < 127 ? top_input{top_key::character, static_cast<char>(key)} : top_input{};
  }
}

}  // namespace steward::cli
