#pragma once

#include "control/control_server.hpp"
#include "observe/run_monitor.hpp"
#include "steward/event.hpp"
#include "tests/runtime/control/client.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace steward::control_api {

/// Notes what it is asked to do, and lets the test hold it up.
class noted_operations : public operations {
public:
  struct notes {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::string> calls;
    bool holds = false;  // calls wait until it is not
    std::string answer = "ok";
  };

  explicit noted_operations(std::shared_ptr<notes> to) : to_(std::move(to)) {}

  control_outcome operate(operation what, const std::string& path, const std::string& by) override {
    return note(to_string(what) + (" " + path), by);
  }
  control_outcome resize(const std::string& path, unsigned workers, const std::string& by) override {
    return note("resize " + path + " " + std::to_string(workers), by);
  }
  control_outcome reload(const control_reload& what, const std::string& by) override {
    return note(std::string{"reload"} + (what.dry_run ? " dry" : "") + " '" + what.file + "'", by);
  }
  control_outcome shutdown(const std::string& by) override { return note("shutdown", by); }

private:
  control_outcome note(const std::string& what, const std::string& by) {
    std::unique_lock lock{to_->mutex};
    to_->calls.push_back(what + " by " + by);
    to_->changed.notify_all();
    to_->changed.wait(lock, [this] { return !to_->holds; });
    control_outcome out;
    out.code = to_->answer;
    out.text = what;
    return out;
  }

  std::shared_ptr<notes> to_;
};

/// A server on real sockets, over an event log and no tree.
class served : public testing::Test {
protected:
  served() {
    std::string name = (std::filesystem::temp_directory_path() / "steward-served-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder");
    base_ = name;
    log_.add_sink([monitor = monitor_](const event& e) { monitor->take(e); });
  }
  ~served() override {
    server_.reset();
    std::filesystem::remove_all(base_);
  }

  void serve(server_options options = {}) {
    options.name = "run";
    options.folder = base_ + "/steward";
    options.warn = [this](const std::string& what) { warnings_.push_back(what); };
    server_.emplace(monitor_, std::move(options));
    server_->steering().set(std::make_unique<noted_operations>(notes_));
  }
  client connect(int receive_bytes = 0) { return client::of_socket(server_->socket(), receive_bytes); }
  reply ask(const std::string& target, const std::string& method = "GET", const std::string& headers = {},
            const std::string& body = {}) {
    return control_api::ask(connect(), target, method, headers, body);
  }
  void emit(event_kind kind = event_kind::ready, const std::string& actor = "/root/a", std::string text = {}) {
    event e;
    e.kind = kind;
    e.actor = actor;
    e.text = std::move(text);
    log_.emit(std::move(e));
  }

  event_log log_{"r-test"};
  std::shared_ptr<run_monitor> monitor_ = std::make_shared<run_monitor>();
  std::shared_ptr<noted_operations::notes> notes_ = std::make_shared<noted_operations::notes>();
  std::string base_;
  std::vector<std::string> warnings_;
  std::optional<control_server> server_;
};

}  // namespace steward::control_api
