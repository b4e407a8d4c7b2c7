#pragma once

#include <memory>
#include <utility>

namespace steward::detail {

/// A value in 8 bytes: it lies elsewhere, and nowhere while it is the default one.
///
/// For large values in lists of things that are mostly small, or that are moved often. Reads and copies as the value
/// itself does; to change an empty one makes it. A value that was moved from is the default one. Not thread-safe.
template <class T>
class boxed {
public:
  boxed() = default;
  boxed(T x) : held_(std::make_unique<T>(std::move(x))) {}  // NOLINT: a value is as good as its box
  boxed(const boxed& other) : held_(other.held_ ? std::make_unique<T>(*other.held_) : nullptr) {}
  boxed(boxed&& other) noexcept = default;
  boxed& operator=(const boxed& other) {
    if (this != &other) *this = boxed{other};
    return *this;
  }
  boxed& operator=(boxed&& other) noexcept = default;
  ~boxed() = default;

  const T& operator*() const { return held_ ? *held_ : nothing(); }
  const T* operator->() const { return &**this; }
  T& operator*() {
    if (!held_) held_ = std::make_unique<T>();
    return *held_;
  }
  T* operator->() { return &**this; }

  /// Whether there is a box: what was given or changed, be it to the default value.
  explicit operator bool() const noexcept { return held_ != nullptr; }
  /// A box with the default value, in place of what there is.
  T& emplace() {
    held_ = std::make_unique<T>();
    return *held_;
  }
  friend bool operator==(const boxed& a, const boxed& b) {
    return a.held_ && b.held_ ? *a.held_ == *b.held_ : !a.held_ == !b.held_;
  }

private:
  static const T& nothing() {
    static const T out{};
    return out;
  }

  std::unique_ptr<T> held_;
};

}  // namespace steward::detail
