#include "driver.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <set>

#include "comm/agree.hpp"
#include "comm/run_main.hpp"
#include "harness/command_line.hpp"
#include "numerics/blas.hpp"
#include "numerics/ceilings.hpp"
#include "numerics/cpu.hpp"
#include "probe.hpp"
#include "results/durable_file.hpp"
#include "results/input_file.hpp"
#include "results/provenance.hpp"
#include "results/solution.hpp"
#include "results/study_file.hpp"

namespace breakeven {
namespace {

/// A word as a shell takes it.
std::string quoted(const std::string& word) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=,.:/@%";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

/// The command line to type again; the folder the program was built in is nobody's concern.
std::string command_of(int argc, char** argv) {
  std::string line = argc > 0 ? quoted(std::filesystem::path(argv[0]).filename().string()) : "";
  for (int i = 1; i < argc; ++i) line += " " + quoted(argv[i]);
  return line;
}

CommandLine parse(const Communicator& world, int argc, char** argv, const std::string& family,
                  const Registry& registry) {
  CommandLine line;
  agree(world, "options", [&] {
    line = parse_command_line(argc, argv, family, registry);
    if (!world.is_root() || line.experiment.out.empty() || !line.text.empty() || line.experiment.dry_run) return;
    std::error_code failed;
    std::filesystem::create_directories(std::filesystem::path(line.experiment.out) / "shards", failed);
    if (failed) throw BadRequest("out: cannot create " + line.experiment.out + "/shards: " + failed.message());
    require_writable(line.experiment.out + "/shards");
  });
  return line;
}

/// Every rank computes some decisions for itself from agreed values: when to stop, when to fall back. They come out
/// alike only where the arithmetic does. On nodes of different kinds a collective would wait for ever.
void require_equal_arithmetic(const Communicator& world) {
  const std::vector<std::string> kinds = world.gather_texts(std::string(simd_target()) + " with BLAS " + blas_core());
  agree(world, "processors", [&] {
    for (std::size_t rank = 1; rank < kinds.size(); ++rank)
      if (kinds[rank] != kinds[0])
        throw BadRequest("all ranks must compute alike, but rank 0 has " + kinds[0] + " and rank " +
                         std::to_string(rank) + " has " + kinds[rank] +
                         ": ask for nodes of one kind (Slurm: --constraint), or export one OPENBLAS_CORETYPE");
  });
}

/// Where the shards of one launch go, and what stands there already.
class ShardPlaces {
 public:
  ShardPlaces(std::string folder, Index launch) : folder_(std::move(folder)), launch_(launch) {}

  std::string path(const std::string& hash) const { return shard_path(folder_, hash, launch_); }
  /// Tells once of a shard that is of no use. Errors: BadRequest if something stands there that is not ours to replace.
  ShardState look(const std::string& hash) {
    const FoundShard found = find_shard(path(hash), hash, git_state(), probe_results);
    require_replaceable(found);
    if (found.state == ShardState::unusable && told_.insert(hash).second)
      fmt::print(stderr, "breakeven: warning: {}; measured again\n", found.reason);
    return found.state;
  }
  /// Until this launch ends. Errors: BadRequest if another is measuring the case.
  void claim(const std::string& hash) { breakeven::claim(lock_ ? *lock_ : lock_.emplace(folder_), path(hash)); }

 private:
  std::string folder_;
  Index launch_;
  std::optional<FolderLock> lock_;  // of rank 0 alone
  std::set<std::string> told_;
};

Hooks make_hooks(const Experiment& experiment, const Values& provenance) {
  Study shard;  // what every shard of this invocation shares
  shard.name = experiment.study;
  shard.label = experiment.label;
  shard.complete = true;
  shard.provenance = provenance;
  shard.environment = collect_environment();
  Hooks hooks;
  hooks.blas_core = blas_core();
  hooks.peak_flops = [](Precision precision) {
    constexpr double seconds = 0.02;  // twice a group
    if (precision == Precision::bit) return xor_popcount_bits(seconds);
    return precision == Precision::f32 ? fma_peak_flops<float>(seconds) : fma_peak_flops<double>(seconds);
  };
  hooks.probe_input = probe_input;
  hooks.open_input = [](const std::string& path) { return std::make_shared<Hdf5InputFile>(path); };
  if (experiment.out.empty()) return hooks;

  const auto places = std::make_shared<ShardPlaces>(experiment.out, experiment.launch);
  hooks.is_finished = [=](const std::string& hash) {
    const ShardState state = places->look(hash);
    return state == ShardState::finished || (experiment.reuse_older && state == ShardState::other_code);
  };
  hooks.claim = [=](const std::string& hash) { places->claim(hash); };
  hooks.sink = [=](const std::vector<Record>& records) {
    std::vector<StudyAt> group;
    for (const Record& record : records) {
      places->look(record.hash);  // again: measuring took a while, and somebody may have put a file there
      Study one = shard;
      one.records = {record};
      group.push_back({places->path(record.hash), std::move(one)});
    }
    write_studies(group);
  };
  hooks.save_solution = [=](const Communicator& comm, const Record& record, const std::vector<SolutionArray>& arrays) {
    write_solution(comm, experiment.out + "/solutions/" + record.hash + ".h5", record.columns, arrays);
  };
  return hooks;
}

}  // namespace

Values provenance_of(int argc, char** argv) {
  return collect_provenance(command_of(argc, argv), {mpi_library_version(), blas_name()});
}

void claim(const FolderLock& lock, const std::string& shard) {
  if (const auto holder = lock.take(std::filesystem::path(shard).filename().string()))
    throw BadRequest("out: " + shard + " is being measured by " + *holder + "; wait for its end");
}

int drive(int argc, char** argv, const std::string& family, const Registry& registry) {
  return run_main(argc, argv, [&](const Communicator& world) {
    pin_blas_to_one_thread();
    const CommandLine line = parse(world, argc, argv, family, registry);
    if (!line.text.empty()) {
      if (world.is_root()) std::fputs(line.text.c_str(), stdout);
      return static_cast<int>(ExitCode::ok);
    }
    require_equal_arithmetic(world);
    return static_cast<int>(
        run(world, line.experiment, registry, make_hooks(line.experiment, provenance_of(argc, argv))));
  });
}

}  // namespace breakeven
