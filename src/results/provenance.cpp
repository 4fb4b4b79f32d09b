#include "results/provenance.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>

#if __has_include("git_state.hpp")
#include "git_state.hpp"  // generated, cmake/GitState.cmake
#else
namespace breakeven::build {
inline constexpr std::string_view version = "0.0.0", git_state = "unknown", build_type = "", flags = "";
}  // namespace breakeven::build
#endif

namespace breakeven {
namespace {

/// The rest of the first line of `path` that begins with `key`, without the colon.
std::string fact_of(const char* path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t begin = line.find_first_not_of(" \t:", key.size());
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

std::string compiler() {
#if defined(__clang__)
  return std::string("Clang ") + __VERSION__;
#elif defined(__GNUC__)
  return std::string("GCC ") + __VERSION__;
#else
  return "";
#endif
}

std::string kernel() {
  utsname facts{};
  return ::uname(&facts) == 0 ? std::string(facts.sysname) + " " + facts.release + " " + facts.machine : "";
}

/// "VmSize"-like lines of /proc give kB.
Index memory_bytes() {
  const std::string kilobytes = fact_of("/proc/meminfo", "MemTotal");
  return kilobytes.empty() ? unknown_index : Index{1024} * std::strtoll(kilobytes.c_str(), nullptr, 10);
}

double load() {
  std::array<double, 1> average{};
  return ::getloadavg(average.data(), 1) == 1 ? average[0] : std::strtod("nan", nullptr);
}

void add(Values& values, std::string name, Value value, std::string unit, std::string help) {
  const auto* text = std::get_if<std::string>(&value);
  if (is_unknown(value) || (text != nullptr && text->empty())) return;
  values.push_back({std::move(name), std::move(value), std::move(unit), std::move(help)});
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::string_view program_version() {
  return build::version;
}
std::string_view git_state() {
  return build::git_state;
}

Values collect_provenance(const std::string& command_line, const LibraryFacts& libraries) {
  Values values;
  add(values, "writer_git", std::string(git_state()), "", "git state of the program that measured");
  add(values, "version", std::string(program_version()), "", "version of the program that measured");
  add(values, "command", command_line, "", "command line");
  add(values, "compiler", compiler(), "", "compiler");
  add(values, "build_type", std::string(build::build_type), "", "CMake build type");
  add(values, "compiler_flags", std::string(build::flags), "", "compiler flags");
  add(values, "mpi_library", libraries.mpi, "", "MPI library");
  add(values, "blas", libraries.blas, "", "BLAS and its kernel");
  add(values, "host", host_name(), "", "host of rank 0");
  add(values, "cpu_model", fact_of("/proc/cpuinfo", "model name"), "", "CPU of that host");
  add(values, "cpus_online", static_cast<Index>(::sysconf(_SC_NPROCESSORS_ONLN)), "1", "CPUs of that host");
  add(values, "kernel", kernel(), "", "operating system of that host");
  add(values, "memory", memory_bytes(), "byte", "memory of that host");
  add(values, "load", load(), "1", "load average of the last minute at the start");
  return values;
}

Values collect_environment() {
  constexpr const char* names[] = {"SLURM_JOB_ID",
                                   "SLURM_JOB_NAME",
                                   "SLURM_ARRAY_JOB_ID",
                                   "SLURM_ARRAY_TASK_ID",
                                   "SLURM_CLUSTER_NAME",
                                   "SLURM_JOB_PARTITION",
                                   "SLURM_JOB_NODELIST",
                                   "SLURM_JOB_NUM_NODES",
                                   "SLURM_NTASKS",
                                   "SLURM_NTASKS_PER_NODE",
                                   "SLURM_CPUS_PER_TASK",
                                   "SLURM_CPU_BIND",
                                   "SLURM_MEM_PER_NODE",
                                   "SLURM_MEM_PER_CPU",
                                   "SLURM_DISTRIBUTION",
                                   "SLURM_RESTART_COUNT",
                                   "OMPI_COMM_WORLD_SIZE",
                                   "OMPI_MCA_btl",
                                   "OMPI_MCA_pml",
                                   "OMPI_MCA_io",
                                   "OMPI_MCA_rmaps_base_mapping_policy",
                                   "OMPI_MCA_hwloc_base_binding_policy",
                                   "OMPI_MCA_mpi_yield_when_idle",
                                   "UCX_TLS",
                                   "UCX_NET_DEVICES",
                                   "OMP_NUM_THREADS",
                                   "OMP_PROC_BIND",
                                   "OPENBLAS_NUM_THREADS",
                                   "OPENBLAS_CORETYPE",
                                   "OPENBLAS_L2_SIZE",
                                   "HDF5_USE_FILE_LOCKING"};
  Values values;
  for (const char* name : names)
    if (const char* value = std::getenv(name)) add(values, name, std::string(value), "", "environment variable");
  return values;
}

}  // namespace breakeven
