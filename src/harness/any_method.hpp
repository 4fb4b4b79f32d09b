#pragma once

#include <any>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/contract.hpp"

// Problems and methods without their types: what the rest of the harness works with. The one implementation of these
// interfaces is the template in registry.hpp.
namespace breakeven {

/// Of data and answer: floats, or packed signs (base/bits.hpp).
enum class Precision { f32, f64, bit };
std::string to_text(Precision precision);
/// Nothing for a word that names none.
std::optional<Precision> precision_from_text(const std::string& text);

/// An answer kept for comparison.
class AnySolution {
 public:
  virtual ~AnySolution() = default;
};

/// A method that has been set up on a workload.
class AnyMethod {
 public:
  virtual ~AnyMethod() = default;
  virtual void run() = 0;                           ///< collective, timed
  virtual Values counts() const = 0;                ///< of the last run()
  virtual Promise promise() const = 0;              ///< of the last run()
  virtual Schedule schedule(int rank) const = 0;    ///< from counts()
  virtual Values quality(const Communicator&) = 0;  ///< of the last run(); collective
  virtual std::string disproof() const = 0;         ///< why the answer that quality() judged cannot be right, or ""
  virtual std::unique_ptr<AnySolution> copy_solution() const = 0;
  virtual bool agrees_with(const AnySolution& other) const = 0;  ///< local
  virtual std::vector<SolutionArray> solution_arrays() const = 0;
};

/// The data of one problem on one specification and precision, in the layouts its methods ask for.
class Workload {
 public:
  virtual ~Workload() = default;
  virtual void load(const Layout& layout) = 0;                  ///< local; at most once per distinct layout
  virtual std::optional<BadValue> first_bad_value() const = 0;  ///< local
  virtual void observe(const Communicator&) = 0;                ///< collective; completes the spec from the data
  virtual void compute_reference(const Communicator&) = 0;      ///< collective
  virtual std::vector<std::string> warnings() const = 0;        ///< about the data, once there is a reference
  virtual Precision precision() const = 0;
  virtual const std::any& spec() const = 0;
};

class ProblemType {
 public:
  virtual ~ProblemType() = default;
  virtual std::string family() const = 0;
  virtual std::string name() const = 0;
  virtual std::vector<Precision> precisions() const = 0;  ///< that it is solved in, the default first
  virtual std::vector<FieldInfo> fields() const = 0;
  virtual std::any make_spec(const Assignment&) const = 0;
  virtual void validate(const std::any& spec) const = 0;
  virtual std::any from_input(const std::any& spec, const InputFile&) const = 0;
  virtual Values spec_values(const std::any& spec) const = 0;
  virtual Index n_rows(const std::any& spec) const = 0;
  virtual Index data_bytes(Precision, const std::any& spec, const Layout&, int rank) const = 0;
  /// Local. `file` is empty for synthetic data.
  virtual std::unique_ptr<Workload> make_workload(Precision, const std::any& spec, std::uint64_t seed,
                                                  std::shared_ptr<const InputFile> file, int rank) const = 0;
};

class MethodType {
 public:
  virtual ~MethodType() = default;
  virtual std::string name() const = 0;
  virtual std::vector<FieldInfo> fields() const = 0;
  virtual std::any make_params(const Assignment&) const = 0;  ///< normalised
  virtual Values param_values(const std::any& params) const = 0;
  virtual void validate(Precision, const std::any& spec, const std::any& params) const = 0;
  virtual Layout layout(Precision, const std::any& spec, const std::any& params, int ranks) const = 0;
  virtual Values expected_counts(Precision, const std::any& spec, const std::any& params) const = 0;
  virtual Schedule expected_schedule(Precision, const std::any& spec, const std::any& params, int ranks,
                                     int rank) const = 0;
  /// Set-up; may be collective.
  virtual std::unique_ptr<AnyMethod> set_up(const Communicator&, Workload&, const std::any& params) const = 0;
};

}  // namespace breakeven
