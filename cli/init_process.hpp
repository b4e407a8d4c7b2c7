#pragma once

namespace steward::cli {

/// Where orphans come to this process (it is process 1 of a container, or a subreaper), somebody has to reap them, and
/// process 1 gets no signal that it does not handle. Then this forks: the child returns and is the program. The parent
/// stays behind: it hands signals on to the program, reaps whatever else ends, and ends as the program did, as process
/// 1 with 128 + signal. So the program has no children but its own. Elsewhere, and where there is no room for another
/// process, it just returns. Call it first of all, with one thread.
void leave_orphans_to_a_parent();

}  // namespace steward::cli
