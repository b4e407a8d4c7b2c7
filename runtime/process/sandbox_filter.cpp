#include "process/sandbox_filter.hpp"

#include <asm/sockios.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>

namespace steward::process {
namespace {

#if defined(__x86_64__)
constexpr unsigned native = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned native = AUDIT_ARCH_AARCH64;
#else
constexpr unsigned native = 0;
#endif

// Calls that are newer than the headers; their numbers are the same everywhere.
constexpr long call_fchmodat2 = 452;
constexpr long call_setxattrat = 463;
constexpr long call_removexattrat = 466;
constexpr long call_open_tree_attr = 467;
constexpr long call_file_setattr = 469;

// Change a file by its name, or its attributes.
constexpr long file_calls[] = {
    SYS_mkdirat,      SYS_mknodat,    SYS_unlinkat,    SYS_symlinkat,      SYS_linkat,        SYS_renameat,
    SYS_renameat2,    SYS_truncate,   SYS_fchmod,      SYS_fchmodat,       SYS_fchown,        SYS_fchownat,
    SYS_utimensat,    SYS_setxattr,   SYS_lsetxattr,   SYS_fsetxattr,      SYS_removexattr,   SYS_lremovexattr,
    SYS_fremovexattr, call_fchmodat2, call_setxattrat, call_removexattrat, call_file_setattr,
#if defined(__x86_64__)
    SYS_mkdir,        SYS_mknod,      SYS_unlink,      SYS_rmdir,          SYS_symlink,       SYS_link,
    SYS_rename,       SYS_chmod,      SYS_chown,       SYS_lchown,         SYS_utime,         SYS_utimes,
    SYS_futimesat,    SYS_creat,
#endif
};

// New programs, other processes, the machine.
constexpr long other_calls[] = {
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_process_madvise,
    SYS_process_mrelease,
    SYS_kcmp,
    SYS_pidfd_getfd,
    SYS_pidfd_send_signal,
    SYS_setpgid,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    call_open_tree_attr,
    SYS_setns,
    SYS_unshare,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_userfaultfd,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_quotactl_fd,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_syslog,
    SYS_vhangup,
    SYS_personality,
    SYS_open_by_handle_at,
    SYS_fanotify_init,
    SYS_fanotify_mark,
    SYS_shmget,
    SYS_shmat,
    SYS_shmctl,
    SYS_semget,
    SYS_semop,
    SYS_semtimedop,
    SYS_semctl,
    SYS_msgget,
    SYS_msgsnd,
    SYS_msgrcv,
    SYS_msgctl,
    SYS_mq_open,
    SYS_mq_unlink,
    SYS_migrate_pages,
    SYS_move_pages,
    SYS_setrlimit,
#if defined(__x86_64__)
    SYS_iopl,
    SYS_ioperm,
    SYS_kexec_file_load,
    SYS_uselib,
    SYS_modify_ldt,
#endif
};

constexpr unsigned namespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr unsigned socket_type_mask = 0xf;
constexpr unsigned ioprio_who_process = 1;
// Newer than the headers, or in one that does not go with others: TCSETS2 and the two behind it, PR_SCHED_CORE.
constexpr unsigned set_terminal = 0x402c542b;
constexpr unsigned share_core = 62;
#if defined(__x86_64__)
constexpr unsigned x32_bit = 0x40000000;
#endif

constexpr std::size_t argument_low(unsigned i) noexcept { return offsetof(seccomp_data, args) + 8 * i; }
constexpr std::size_t argument_high(unsigned i) noexcept { return argument_low(i) + 4; }

constexpr unsigned error_of(int error) noexcept {
  return SECCOMP_RET_ERRNO | (static_cast<unsigned>(error) & SECCOMP_RET_DATA);
}

constexpr unsigned jump_equal = BPF_JMP | BPF_JEQ | BPF_K;
constexpr unsigned jump_any_bit = BPF_JMP | BPF_JSET | BPF_K;
constexpr unsigned give_back = BPF_RET | BPF_K;

}  // namespace

void sandbox_filter::add(unsigned code, unsigned value, unsigned char on_true, unsigned char on_false) noexcept {
  code_[count_++] = {static_cast<unsigned short>(code), on_true, on_false, value};
}

void sandbox_filter::load(std::size_t offset) noexcept { add(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset)); }

// Each rule begins with the call's number in hand. One that looks at arguments loses it, so it ends in a verdict.

void sandbox_filter::refuse(long call, int error) noexcept {
  add(jump_equal, static_cast<unsigned>(call), 0, 1);
  add(give_back, error_of(error));
}

void sandbox_filter::refuse_bits(long call, unsigned argument, unsigned bits, int error) noexcept {
  add(jump_equal, static_cast<unsigned>(call), 0, 4);
  load(argument_low(argument));
  add(jump_any_bit, bits, 0, 1);
  add(give_back, error_of(error));
  add(give_back, SECCOMP_RET_ALLOW);
}

void sandbox_filter::refuse_unless(long call, unsigned argument, unsigned mask, unsigned value, int error) noexcept {
  add(jump_equal, static_cast<unsigned>(call), 0, 5);
  load(argument_low(argument));
  add(BPF_ALU | BPF_AND | BPF_K, mask);
  add(jump_equal, value, 1, 0);
  add(give_back, error_of(error));
  add(give_back, SECCOMP_RET_ALLOW);
}

void sandbox_filter::refuse_unless_two(long call, unsigned first, unsigned second, int error) noexcept {
  add(jump_equal, static_cast<unsigned>(call), 0, 6);
  load(argument_low(0));
  add(jump_equal, first, 0, 3);
  load(argument_low(1));
  add(jump_equal, second, 0, 1);
  add(give_back, SECCOMP_RET_ALLOW);
  add(give_back, error_of(error));
}

void sandbox_filter::refuse_values(long call, unsigned argument, std::initializer_list<unsigned> values,
                                   int error) noexcept {
  const auto count = static_cast<unsigned char>(values.size());
  add(jump_equal, static_cast<unsigned>(call), 0, static_cast<unsigned char>(count + 3));
  load(argument_low(argument));
  unsigned char left = count;
  for (unsigned value : values) add(jump_equal, value, left--, 0);
  add(give_back, SECCOMP_RET_ALLOW);
  add(give_back, error_of(error));
}

void sandbox_filter::refuse_pointer(long call, unsigned argument, int error) noexcept {
  add(jump_equal, static_cast<unsigned>(call), 0, 6);
  load(argument_low(argument));
  add(jump_equal, 0, 0, 2);
  load(argument_high(argument));
  add(jump_equal, 0, 1, 0);
  add(give_back, error_of(error));
  add(give_back, SECCOMP_RET_ALLOW);
}

void sandbox_filter::head() noexcept {
  load(offsetof(seccomp_data, arch));
  add(jump_equal, native, 1, 0);
  add(give_back, error_of(EPERM));
  load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
  add(jump_any_bit, x32_bit, 0, 1);
  add(give_back, error_of(EPERM));
#endif
}

void sandbox_filter::files(const filter_needs& needs) noexcept {
  for (long call : file_calls) refuse(call, EACCES);
  unsigned flags = 0;
  if (needs.open_for_writing) flags |= O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
  if (needs.truncate_on_open) flags |= O_TRUNC;
  if (flags == 0) return;
  refuse_bits(SYS_openat, 2, flags, EACCES);
  // Its flags lie in memory, which a filter cannot read; libc does without.
  refuse(SYS_openat2, ENOSYS);
#if defined(__x86_64__)
  refuse_bits(SYS_open, 1, flags, EACCES);
#endif
}

void sandbox_filter::sockets() noexcept {
  for (long call : {SYS_socket, SYS_connect, SYS_bind, SYS_listen}) refuse(call, EPERM);
  // A pair of datagram sockets could still send to any name.
  add(jump_equal, SYS_socketpair, 0, 8);
  load(argument_low(0));
  add(jump_equal, AF_UNIX, 0, 4);
  load(argument_low(1));
  add(BPF_ALU | BPF_AND | BPF_K, socket_type_mask);
  add(jump_equal, SOCK_STREAM, 2, 0);
  add(jump_equal, SOCK_SEQPACKET, 1, 0);
  add(give_back, error_of(EPERM));
  add(give_back, SECCOMP_RET_ALLOW);
  refuse_pointer(SYS_sendto, 4, EPERM);
}

// What other processes and terminals of the same user would feel.
void sandbox_filter::others() noexcept {
  // Of the caller alone, not of its group or its user.
  refuse_unless_two(SYS_setpriority, PRIO_PROCESS, 0, EPERM);
  refuse_unless_two(SYS_ioprio_set, ioprio_who_process, 0, EPERM);
  for (long call : {SYS_sched_setaffinity, SYS_sched_setparam, SYS_sched_setscheduler, SYS_sched_setattr})
    refuse_unless(call, 0, ~0U, 0, EPERM);
  // The kernel signals for a file on behalf of whoever has asked for it.
  refuse_values(SYS_fcntl, 1, {F_SETOWN, F_SETOWN_EX, F_SETSIG, F_SETLEASE, F_NOTIFY}, EPERM);
  refuse_values(SYS_ioctl, 1,
                {TIOCSTI,  TIOCLINUX,    FIOSETOWN,        SIOCSPGRP,        TIOCSPGRP,  TIOCSCTTY, TIOCNOTTY,
                 TIOCSETD, TIOCVHANGUP,  TIOCEXCL,         TIOCCONS,         TIOCSWINSZ, TCSETS,    TCSETSW,
                 TCSETSF,  set_terminal, set_terminal + 1, set_terminal + 2, TCFLSH,     TCXONC,    TCSBRK},
                EPERM);
  refuse_values(SYS_prctl, 0, {PR_SET_PDEATHSIG, share_core}, EPERM);
}

void sandbox_filter::processes(const filter_needs& needs) noexcept {
  for (long call : other_calls) refuse(call, EPERM);
  auto pid = static_cast<unsigned>(needs.pid);
  if (needs.signals || needs.strict) {
    add(jump_equal, SYS_kill, 0, 6);
    load(argument_low(0));
    add(jump_equal, 0, 3, 0);
    add(jump_equal, pid, 2, 0);
    add(jump_equal, 0U - pid, 1, 0);
    add(give_back, error_of(EPERM));
    add(give_back, SECCOMP_RET_ALLOW);
    refuse_unless(SYS_rt_sigqueueinfo, 0, ~0U, pid, EPERM);
  }
  // A process that a worker started has to abort, too, and does so by tgkill.
  if (needs.strict) {
    refuse_unless(SYS_tgkill, 0, ~0U, pid, EPERM);
    refuse_unless(SYS_rt_tgsigqueueinfo, 0, ~0U, pid, EPERM);
    refuse(SYS_tkill, EPERM);
  }
  // A strict one is the leader of its session and has no children, so that the kernel refuses it by itself.
  if (!needs.strict) refuse(SYS_setsid, EPERM);
  others();
  refuse_pointer(SYS_prlimit64, 2, EPERM);
  // Its flags lie in memory; libc falls back to clone.
  refuse(SYS_clone3, ENOSYS);
#if defined(__x86_64__)
  if (needs.strict) {
    refuse(SYS_fork, EPERM);
    refuse(SYS_vfork, EPERM);
  }
#endif
  if (needs.strict) {
    refuse_unless(SYS_clone, 0, CLONE_THREAD | namespaces, CLONE_THREAD, EPERM);
  } else {
    refuse_bits(SYS_clone, 0, namespaces, EPERM);
  }
}

sandbox_filter::sandbox_filter(const filter_needs& needs) noexcept {
  if (native == 0) return;
  head();
  files(needs);
  sockets();
  processes(needs);
  add(give_back, SECCOMP_RET_ALLOW);
}

}  // namespace steward::process
