#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

namespace breakeven::peers {

/// What becomes of the n x n matrices between the runs of a worker.
enum class Heap {
  warm,        ///< one matrix, kept, on huge pages as our arrays are: no page fault after the first run
  as_shipped,  ///< given back and taken anew, with a page fault for each page: what a user gets by default
};

/// A Python process with PyTorch that computes on memory shared with this one, one run at a time.
class TorchWorker {
 public:
  /// Starts it and waits until it is ready. Throws Failure with its message if it cannot be.
  TorchWorker(Heap heap, const std::vector<std::string>& arguments, std::size_t bytes);
  ~TorchWorker();
  TorchWorker(const TorchWorker&) = delete;
  TorchWorker& operator=(const TorchWorker&) = delete;

  std::byte* memory() const { return memory_; }
  /// One run; throws Failure if the worker is gone.
  void run();

 private:
  void expect(const std::string& answer);
  void end();

  std::size_t bytes_;
  std::byte* memory_ = nullptr;
  pid_t process_ = -1;
  int to_worker_ = -1, from_worker_ = -1;
};

}  // namespace breakeven::peers
