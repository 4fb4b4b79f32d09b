#include "study/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <filesystem>
#include <sstream>

#include "base/error.hpp"
#include "study/cause.hpp"
#include "study/launcher_watch.hpp"
#include "study/machine.hpp"

namespace breakeven {
namespace {

constexpr std::array stop_signals{SIGINT, SIGTERM, SIGUSR1};
constexpr std::array watched_signals{SIGINT, SIGTERM, SIGUSR1, SIGCHLD};
constexpr std::size_t kept_messages = 20;
constexpr std::size_t longest_line = std::size_t{1} << 20;
constexpr int look_ms = 1000;  // how often a silent launcher is looked at
constexpr int drain_ms = 500;  // what the launcher's death leaves in the pipes; a stray grandchild may hold them open

[[noreturn]] void fail(const std::string& what) {
  throw Failure(what + ": " + std::strerror(errno));
}

// A signal handler can reach nothing but static storage.
std::array<int, 2> signal_pipe{-1, -1};
std::array<struct sigaction, watched_signals.size()> earlier_actions;

extern "C" void note_signal(int signal) {
  const int kept_errno = errno;
  const auto byte = static_cast<unsigned char>(signal);
  [[maybe_unused]] const auto written = write(signal_pipe[1], &byte, 1);  // a full pipe has woken the reader already
  errno = kept_errno;
}

/// A pipe whose reading end does not block; both ends close on exec.
class Pipe {
 public:
  Pipe() {
    if (pipe2(ends_.data(), O_CLOEXEC) != 0) fail("cannot make a pipe");
    fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  ~Pipe() { close_reading(), close_writing(); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int reading() const { return ends_[0]; }
  int writing() const { return ends_[1]; }
  void close_reading() { close_end(0); }
  void close_writing() { close_end(1); }

 private:
  void close_end(std::size_t end) {
    if (ends_[end] >= 0) close(ends_[end]);
    ends_[end] = -1;
  }
  std::array<int, 2> ends_{-1, -1};
};

/// Cuts a stream into lines.
class LineReader {
 public:
  explicit LineReader(std::function<void(std::string_view)> on_line) : on_line_(std::move(on_line)) {}

  /// Reads what is there; closes the pipe at its end.
  void read_from(Pipe& pipe) {
    std::array<char, 1 << 16> buffer;
    while (true) {
      const ssize_t count = read(pipe.reading(), buffer.data(), buffer.size());
      if (count > 0) {
        absorb({buffer.data(), static_cast<std::size_t>(count)});
      } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
        finish(pipe);
        return;
      } else if (errno == EAGAIN) {
        return;
      }
    }
  }

  void take(std::string_view line) { on_line_(line); }

  void finish(Pipe& pipe) {
    if (!partial_.empty()) on_line_(partial_);
    partial_.clear();
    pipe.close_reading();
  }

 private:
  void absorb(std::string_view text) {
    for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
      partial_ += text.substr(0, end);
      text.remove_prefix(end + 1);
      const std::string line = std::move(partial_);
      partial_.clear();
      on_line_(line);
    }
    partial_ += text;
    if (partial_.size() > longest_line) partial_.resize(longest_line);  // a runaway driver must not fill our memory
  }

  std::function<void(std::string_view)> on_line_;
  std::string partial_;
};

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return argv;
}

std::vector<std::string> current_environment() {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) variables.emplace_back(*entry);
  return variables;
}

/// In the forked child: only calls that are safe between fork and exec, and errno as the answer.
int become(const std::vector<char*>& argv, const std::vector<char*>& environment, const Pipe& output,
           const Pipe& messages, pid_t parent) {
  setpgid(0, 0);
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // Should we be killed, the launch must not go on measuring for nobody.
  if (prctl(PR_SET_PDEATHSIG, SIGUSR1) != 0) return errno;
  if (getppid() != parent) return ESRCH;
  const int nothing = open("/dev/null", O_RDONLY);
  if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(output.writing(), STDOUT_FILENO) < 0 ||
      dup2(messages.writing(), STDERR_FILENO) < 0)
    return errno;
  execvpe(argv.front(), argv.data(), environment.data());
  return errno;
}

/// Starts the program in a new process group with the default answer to every signal.
pid_t start(std::vector<std::string> words, const Pipe& output, const Pipe& messages) {
  std::vector<std::string> variables = child_environment(current_environment(), geteuid() == 0);
  const std::vector<char*> argv = pointers(words), environment = pointers(variables);
  Pipe reason;  // closed by a successful exec, else it tells errno
  const pid_t parent = getpid(), child = fork();
  if (child < 0) fail("cannot start '" + words.front() + "'");
  if (child == 0) {
    const int error = become(argv, environment, output, messages, parent);
    [[maybe_unused]] const auto written = write(reason.writing(), &error, sizeof error);
    _exit(127);
  }
  reason.close_writing();
  fcntl(reason.reading(), F_SETFL, 0);
  int error = 0;
  ssize_t count = 0;
  while ((count = read(reason.reading(), &error, sizeof error)) < 0 && errno == EINTR) {
  }
  if (count == 0) return child;
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  throw BadRequest("cannot start '" + words.front() + "': " + std::strerror(error) +
                   " (the option launcher says how drivers are started)");
}

/// A started child with the signals it was sent.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid), watch_(pid) {}
  /// A callback that throws must not leave a benchmark running behind it.
  ~Child() {
    if (ended_) return;
    kill(-pid_, SIGTERM);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void forward(int signal) {
    kill(-pid_, asked_to_stop_ ? signal : SIGUSR1);
    asked_to_stop_ = true;
  }
  bool asked_to_stop() const { return asked_to_stop_; }

  /// Ends a launcher that would never end by itself. Its ranks are gone by then.
  bool kill_if_stuck() {
    if (ended_ || stuck_ || !watch_.is_stuck()) return false;
    kill(-pid_, SIGKILL);
    return stuck_ = true;
  }

  bool has_ended() {
    int status = 0;
    if (ended_ || waitpid(pid_, &status, WNOHANG) != pid_) return ended_;
    exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return ended_ = true;
  }
  int exit_code() const { return exit_code_; }

 private:
  pid_t pid_;
  LauncherWatch watch_;
  bool stuck_ = false;
  bool ended_ = false;
  bool asked_to_stop_ = false;
  int exit_code_ = 0;
};

/// Passes lines and signals on until the child has ended and its pipes are empty. Sleeps in between: on a machine full
/// of ranks this process must not take a core.
void attend(Child& child, Pipe& output, LineReader& output_lines, Pipe& messages, LineReader& message_lines,
            SignalWatch& signals) {
  while (true) {
    const bool ended = child.has_ended();
    if (ended && output.reading() < 0 && messages.reading() < 0) return;
    std::array<pollfd, 3> waiting{pollfd{output.reading(), POLLIN, 0}, pollfd{messages.reading(), POLLIN, 0},
                                  pollfd{signals.descriptor(), POLLIN, 0}};  // poll skips closed ends (-1)
    const int ready = poll(waiting.data(), waiting.size(), ended ? drain_ms : look_ms);
    if (ready < 0 && errno != EINTR) fail("cannot wait for the driver");
    for (const int signal : signals.take()) child.forward(signal);
    if (ready > 0 && waiting[0].revents != 0) output_lines.read_from(output);
    if (ready > 0 && waiting[1].revents != 0) message_lines.read_from(messages);
    if (ready == 0 && !ended && child.kill_if_stuck())
      message_lines.take("the launcher hung when its ranks had ended, and was killed");
    if (ready == 0 && ended) {  // the child is gone, something else holds the pipes
      output_lines.finish(output);
      message_lines.finish(messages);
    }
  }
}

}  // namespace

SignalWatch::SignalWatch() {
  if (signal_pipe[0] >= 0) throw Failure("signals are watched already");
  if (pipe2(signal_pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0) fail("cannot make a pipe");
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < watched_signals.size(); ++i) sigaction(watched_signals[i], &action, &earlier_actions[i]);
}

SignalWatch::~SignalWatch() {
  for (std::size_t i = 0; i < watched_signals.size(); ++i) sigaction(watched_signals[i], &earlier_actions[i], nullptr);
  for (int& end : signal_pipe) {
    close(end);
    end = -1;
  }
}

int SignalWatch::descriptor() const {
  return signal_pipe[0];
}

std::vector<int> SignalWatch::take() {
  std::vector<int> signals;
  unsigned char byte = 0;
  while (read(signal_pipe[0], &byte, 1) == 1)
    if (std::find(stop_signals.begin(), stop_signals.end(), byte) != stop_signals.end()) signals.push_back(byte);
  stop_requested_ = stop_requested_ || !signals.empty();
  return signals;
}

std::vector<std::string> launcher_words(const std::string& launcher, int ranks, int cores) {
  std::vector<std::string> words;
  bool says_ranks = false;
  std::istringstream blanks(launcher);
  for (std::string word; blanks >> word;) {
    constexpr std::string_view placeholder = "{ranks}";
    for (auto at = word.find(placeholder); at != std::string::npos; at = word.find(placeholder)) {
      word.replace(at, placeholder.size(), std::to_string(ranks));
      says_ranks = true;
    }
    words.push_back(word);
  }
  if (!says_ranks)
    throw BadRequest("launcher must say {ranks}, such as \"mpiexec -n {ranks}\", got '" + launcher + "'");
  const std::string program = std::filesystem::path(words.front()).filename();
  if (ranks > cores && (program == "mpiexec" || program == "mpirun")) words.emplace_back("--oversubscribe");
  return words;
}

std::vector<std::string> child_environment(std::vector<std::string> current, bool is_root) {
  const auto is_set = [&](const std::string& name) {
    return std::any_of(current.begin(), current.end(),
                       [&](const std::string& entry) { return entry.starts_with(name); });
  };
  // A host that falls silent is given up after 2 + 3 * 1 seconds; Open MPI's defaults wait for 300 + 9 * 20.
  for (const auto& [name, value] : {std::pair<std::string, const char*>{"OMPI_MCA_oob_tcp_keepalive_time=", "2"},
                                    {"OMPI_MCA_oob_tcp_keepalive_intvl=", "1"},
                                    {"OMPI_MCA_oob_tcp_keepalive_probes=", "3"}})
    if (!is_set(name)) current.push_back(name + value);
  if (!is_root) return current;
  for (const std::string name : {"OMPI_ALLOW_RUN_AS_ROOT=", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="}) {
    std::erase_if(current, [&](const std::string& variable) { return variable.starts_with(name); });
    current.push_back(name + "1");
  }
  return current;
}

Outcome run_invocation(const std::string& launcher, const std::string& driver, const Invocation& invocation,
                       const LineCallbacks& callbacks, SignalWatch& signals) {
  std::vector<std::string> words = launcher_words(launcher, invocation.ranks, cores_of_this_machine());
  words.push_back(driver);
  words.insert(words.end(), invocation.arguments.begin(), invocation.arguments.end());

  std::deque<std::string> last_messages;
  Cause cause;
  LineReader output_lines([&](std::string_view line) {
    if (callbacks.on_output) callbacks.on_output(line);
  });
  LineReader message_lines([&](std::string_view line) {
    cause.absorb(line);
    last_messages.emplace_back(line);
    if (last_messages.size() > kept_messages) last_messages.pop_front();
    if (callbacks.on_message) callbacks.on_message(line);
  });
  Pipe output, messages;
  Child child(start(std::move(words), output, messages));
  output.close_writing();
  messages.close_writing();
  attend(child, output, output_lines, messages, message_lines, signals);
  const int exit_code = child.asked_to_stop() ? static_cast<int>(ExitCode::interrupted) : child.exit_code();
  return {exit_code, {last_messages.begin(), last_messages.end()}, cause.text()};
}

}  // namespace breakeven
