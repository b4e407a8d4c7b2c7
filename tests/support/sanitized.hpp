#pragma once

/// Whether this is built with a sanitizer that needs much address space and holds signals back.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STEWARD_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STEWARD_SANITIZED 1
#endif
#endif
#ifndef STEWARD_SANITIZED
#define STEWARD_SANITIZED 0
#endif
