#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <optional>
#include <span>

#include "comm/agree.hpp"
#include "comm/run_main.hpp"
#include "comm/watchdog.hpp"
#include "driver.hpp"
#include "harness/calibrate.hpp"
#include "numerics/blas.hpp"
#include "numerics/ceilings.hpp"
#include "numerics/cpu.hpp"
#include "probe.hpp"
#include "results/provenance.hpp"
#include "results/study_file.hpp"

// What the machine reaches at best with these ranks: the ceilings that every case of a study is held against.
namespace breakeven {
namespace {

struct Options {
  std::string out, study = "adhoc", label;
  Index launch = 0;
  double timeout_s = 120;
  bool reuse = false, quiet = false;
  std::string help;  ///< asked for: print and end
};

Options parse(int argc, char** argv) {
  Options options;
  CLI::App app("breakeven: measures the ceilings of the machine with these ranks.", "calibrate");
  app.add_option("--out", options.out, "folder for the shard; default: write none")->type_name("DIR");
  app.add_option("--launch", options.launch, "number of this launch in a study [0]")->type_name("N");
  app.add_option("--study", options.study, "name stored in the shard [adhoc]")->type_name("NAME");
  app.add_option("--label", options.label, "label shown on every figure, such as quick")->type_name("TEXT");
  app.add_option("--timeout", options.timeout_s, "seconds after which a measurement is given up [120]")->type_name("N");
  app.add_flag("--reuse", options.reuse,
               "not again for as many ranks on each of as many hosts; on others: as the next launch");
  app.add_flag("--quiet", options.quiet, "no table on stdout");
  app.footer(
      "Arithmetic and memory are measured on all ranks at once and summed over those of a host; messages within\n"
      "each host and between two; all-reduces over all. `breakeven run` does this once for each number of ranks and "
      "hosts.\n\n"
      "Examples:\n  mpiexec -n 2 calibrate\n  mpiexec -n 64 calibrate --out results/adhoc\n");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    options.help = app.help();
  } catch (const CLI::ParseError& error) {
    throw BadRequest(std::string(error.what()) + "; --help shows the options");
  }
  if (options.launch < 0) throw BadRequest("launch must be at least 0, got " + std::to_string(options.launch));
  if (!(options.timeout_s > 0)) throw BadRequest(fmt::format("timeout must be more than 0, got {}", options.timeout_s));
  return options;
}

/// Of the arrays in which a rank measures memory: beyond the caches, but a quarter of what is free on its host at most.
Index memory_bytes(const Placement& placement, int rank) {
  const Index ranks = placement.ranks_on_host_of(rank), free = placement.free_bytes[static_cast<std::size_t>(rank)];
  const Index wanted = bytes_beyond_caches(ranks);
  return free < 0 ? wanted : std::min(wanted, free / (4 * ranks));
}

/// Memory is measured in arrays of `bytes`.
std::vector<LocalCeiling> local_ceilings(Index bytes) {
  constexpr double short_s = 0.1, long_s = 0.3;  // bursts of registers and caches, passes over memory
  return {{"fma_f32", "1/s", true, [] { return fma_peak_flops<float>(short_s); }},
          {"fma_f64", "1/s", true, [] { return fma_peak_flops<double>(short_s); }},
          {"product_f32", "1/s", true, [] { return product_flops<float>(long_s); }},
          {"product_f64", "1/s", true, [] { return product_flops<double>(long_s); }},
          {"read_bandwidth", "byte/s", true, [bytes] { return read_bandwidth(long_s, bytes); }},
          {"triad_bandwidth", "byte/s", true, [bytes] { return triad_bandwidth(long_s, bytes); }},
          {"xor_popcount", "bit/s", true, [] { return xor_popcount_bits(short_s); }},
          {"timer_resolution", "s", false, [] { return timer_resolution(); }}};
}

/// The number of the launch to measure, which is claimed; none if nothing is left to measure.
std::optional<Index> claimed_launch(const Options& options, const Placement& placement,
                                    std::optional<FolderLock>& lock) {
  if (options.out.empty()) return options.launch;
  const auto fits = [&](const std::vector<Ceiling>& ceilings) { return measured_on(ceilings, placement); };
  for (Index launch = options.launch;; ++launch) {
    const std::string shard = calibration_path(options.out, std::ssize(placement.hosts), launch);
    const FoundShard found = find_calibration(shard, git_state(), probe_results, fits);
    require_replaceable(found);
    if (options.reuse) {
      if (found.state == ShardState::finished) return std::nullopt;
      if (found.state == ShardState::elsewhere) continue;
      if (found.state == ShardState::unusable)
        fmt::print(stderr, "breakeven: warning: {}; measured again\n", found.reason);
      if (launch > options.launch)
        fmt::print(stderr, "breakeven: warning: the ceilings in {} are of other hosts; measured again in {}\n",
                   options.out, shard);
    }
    claim(lock.emplace(options.out), shard);
    return launch;
  }
}

int calibrate_main(const Communicator& world, int argc, char** argv) {
  pin_blas_to_one_thread();
  Options options;
  agree(world, "options", [&] {
    options = parse(argc, argv);
    if (options.out.empty() || !world.is_root() || !options.help.empty()) return;
    std::error_code failed;
    std::filesystem::create_directories(std::filesystem::path(options.out) / "shards", failed);
    if (failed) throw BadRequest("out: cannot create " + options.out + "/shards: " + failed.message());
  });
  if (!options.help.empty()) {
    if (world.is_root()) fmt::print("{}", options.help);
    return static_cast<int>(ExitCode::ok);
  }
  Watchdog watchdog(world, options.timeout_s);
  const auto begin = [&](const std::string& phase) { watchdog.restart(phase); };
  begin("finding the hosts of the ranks");
  const Placement placement = read_placement(world);
  begin("looking at what is there");
  std::optional<FolderLock> lock;
  Index launch = unknown_index;
  agree_with_root(world, [&] { launch = claimed_launch(options, placement, lock).value_or(unknown_index); });
  world.broadcast(std::span<Index>(&launch, 1));
  if (launch == unknown_index) return static_cast<int>(ExitCode::ok);
  const std::vector<Ceiling> ceilings =
      calibrate(world, placement, local_ceilings(memory_bytes(placement, world.rank())), launch, begin);
  if (world.is_root() && !options.quiet)
    fmt::print("{}BLAS kernel {}, vector code for {}\n", ceilings_table(ceilings), blas_core(), simd_target());
  begin("writing results");
  agree(world, "writing results", [&] {
    if (!world.is_root() || options.out.empty()) return;
    Study shard;
    shard.name = options.study;
    shard.label = options.label;
    shard.complete = true;
    shard.provenance = provenance_of(argc, argv);
    shard.environment = collect_environment();
    shard.ceilings = ceilings;
    write_study(shard, calibration_path(options.out, world.size(), launch));
  });
  return static_cast<int>(ExitCode::ok);
}

}  // namespace
}  // namespace breakeven

/// mpiexec -n P calibrate --help
int main(int argc, char** argv) {
  return breakeven::run_main(
      argc, argv, [&](const breakeven::Communicator& world) { return breakeven::calibrate_main(world, argc, argv); });
}
