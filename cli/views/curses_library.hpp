#pragma once

#include "base/loaded_library.hpp"

#define NCURSES_NOMACROS 1
#include <curses.h>

// <term.h> has them, too, and a macro for each second word.
extern "C" {
int setupterm(const char* term, int fd, int* problem);
char* tigetstr(const char* name);
}

// For top_terminal.cpp alone.
namespace steward::cli {

/// The calls of ncurses. Only `steward top` loads it: to link it would cost each start of each program 0.2 ms.
struct curses_library {
  WINDOW** screen = nullptr;  ///< `stdscr`
  decltype(&::addstr) addstr = nullptr;
  decltype(&::attr_set) attr_set = nullptr;
  decltype(&::cbreak) cbreak = nullptr;
  decltype(&::curs_set) curs_set = nullptr;
  decltype(&::delscreen) delscreen = nullptr;
  decltype(&::endwin) endwin = nullptr;
  decltype(&::erase) erase = nullptr;
  decltype(&::getch) getch = nullptr;
  decltype(&::getmaxx) getmaxx = nullptr;
  decltype(&::getmaxy) getmaxy = nullptr;
  decltype(&::has_colors) has_colors = nullptr;
  decltype(&::init_pair) init_pair = nullptr;
  decltype(&::keypad) keypad = nullptr;
  decltype(&::move) move = nullptr;
  decltype(&::mvchgat) mvchgat = nullptr;
  decltype(&::newterm) newterm = nullptr;
  decltype(&::noecho) noecho = nullptr;
  decltype(&::nonl) nonl = nullptr;
  decltype(&::refresh) refresh = nullptr;
  decltype(&::set_escdelay) set_escdelay = nullptr;
  decltype(&::setupterm) setupterm = nullptr;
  decltype(&::start_color) start_color = nullptr;
  decltype(&::tigetstr) tigetstr = nullptr;
  decltype(&::timeout) timeout = nullptr;
  decltype(&::use_default_colors) use_default_colors = nullptr;

  /// Stays loaded. Throws std::runtime_error.
  static const curses_library& get() {
    static const curses_library loaded;
    return loaded;
  }

private:
  curses_library() {
    const loaded_library from{"libncursesw.so.6", "libncursesw6"};
    from.find("stdscr", screen);
    from.find("addstr", addstr);
    from.find("attr_set", attr_set);
    from.find("cbreak", cbreak);
    from.find("curs_set", curs_set);
    from.find("delscreen", delscreen);
    from.find("endwin", endwin);
    from.find("erase", erase);
    from.find("getch", getch);
    from.find("getmaxx", getmaxx);
    from.find("getmaxy", getmaxy);
    from.find("has_colors", has_colors);
    from.find("init_pair", init_pair);
    from.find("keypad", keypad);
    from.find("move", move);
    from.find("mvchgat", mvchgat);
    from.find("newterm", newterm);
    from.find("noecho", noecho);
    from.find("nonl", nonl);
    from.find("refresh", refresh);
    from.find("set_escdelay", set_escdelay);
    from.find("setupterm", setupterm);
    from.find("start_color", start_color);
    from.find("tigetstr", tigetstr);
    from.find("timeout", timeout);
    from.find("use_default_colors", use_default_colors);
  }
};

}  // namespace steward::cli
