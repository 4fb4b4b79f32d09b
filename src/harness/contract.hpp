#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields.hpp"
#include "base/layout.hpp"
#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "base/solution_array.hpp"
#include "base/source.hpp"
#include "comm/communicator.hpp"

// What the authors of problems and methods write. Structural: neither includes this file, the registry checks it.
namespace breakeven {

enum class Role { exact, fast, reference, peer };
std::string to_text(Role role);

/// A problem: what is computed on which data, and how good an answer is. Templated on the scalar; holds this rank's
/// rows of the data in one layout.
template <class P>
concept Problem = Described<typename P::Spec> && Described<typename P::Quality> &&
    requires(const P& problem, const typename P::Spec& spec, const typename P::Solution& solution,
             const Source<typename P::Scalar>& source, const typename P::Reference& reference, const Communicator& comm,
             const Layout& layout, const InputFile& file, std::uint64_t seed, int rank) {
  { P::family } -> std::convertible_to<std::string_view>;
  { P::name } -> std::convertible_to<std::string_view>;
  /// Pure; throws BadRequest that names option, bound and value.
  { P::validate(spec) } -> std::same_as<void>;
  /// The spec with its sizes taken from the file; throws BadRequest for what does not fit.
  { P::from_input(spec, file) } -> std::same_as<typename P::Spec>;
  /// The rows that a Layout distributes.
  { P::n_rows(spec) } -> std::same_as<Index>;
  /// Synthetic data; local, no communicator.
  { P::generate(spec, seed) } -> std::same_as<std::unique_ptr<Source<typename P::Scalar>>>;
  /// This rank's rows; local. Bytes it holds: data_bytes().
  P(spec, source, layout, rank);
  { P::data_bytes(spec, layout, rank) } -> std::same_as<Index>;
  /// The lowest NaN or infinity among this rank's rows; local.
  { problem.first_bad_value() } -> std::same_as<std::optional<BadValue>>;
  /// Facts of the data that a file's spec cannot know beforehand (such as the largest entry); collective.
  { P::observed(comm, spec, problem) } -> std::same_as<typename P::Spec>;
  /// The true answer on the checked rows, in float64, by a way of its own; collective, once a group.
  { P::reference(comm, spec, source, seed) } -> std::same_as<typename P::Reference>;
  /// Error of a solution against the reference; collective.
  { P::quality(comm, reference, problem, solution) } -> std::same_as<typename P::Quality>;
  /// Whether two answers to the same question are equal within rounding, whose size the reference knows; local.
  { P::agrees(reference, solution, solution) } -> std::same_as<bool>;
  { P::solution_arrays(spec, layout, rank, solution) } -> std::same_as<std::vector<SolutionArray>>;
};

/// A method: one way to solve a problem. See docs/adding_a_method.md.
template <class M, class P>
concept Method = Described<typename M::Params> && Described<typename M::Counts> &&
    requires(M& method, const M& finished, const P& problem, const typename P::Spec& spec,
             const typename M::Params& params, const typename M::Counts& counts, const Communicator& comm, int ranks,
             int rank) {
  { M::name } -> std::convertible_to<std::string_view>;
  /// Pure; throws BadRequest that names option, bound and value.
  { M::validate(spec, params) } -> std::same_as<void>;
  /// Set-up: allocates, touches and plans; cannot reach data.
  M(comm, spec, params);
  /// Collective, repeatable, timed. The solution lives in the method, so that no repetition pays for fresh memory.
  { method.run(problem) } -> std::same_as<const typename P::Solution&>;
  /// What the data decided in the last run(); equal on all ranks.
  { finished.counts() } -> std::same_as<typename M::Counts>;
  { finished.promise() } -> std::same_as<Promise>;
  /// The model's guess of counts(), for dry runs and plans.
  { M::expected(spec, params) } -> std::same_as<typename M::Counts>;
  /// The one statement of cost.
  { M::schedule(spec, params, counts, ranks, rank) } -> std::same_as<Schedule>;
};

/// Optional: a method that wants its rows laid out otherwise than in contiguous blocks.
template <class M, class P>
concept HasLayout = requires(const typename P::Spec& spec, const typename M::Params& params, int ranks) {
  { M::layout(spec, params, ranks) } -> std::same_as<Layout>;
};

/// Optional: parameters whose defaults depend on each other are settled here, so that two spellings are one case.
template <class M>
concept HasNormalised = requires(const typename M::Params& params) {
  { M::normalised(params) } -> std::same_as<typename M::Params>;
};

/// Optional, the same for a problem's options.
template <class P>
concept HasNormalisedSpec = requires(const typename P::Spec& spec) {
  { P::normalised(spec) } -> std::same_as<typename P::Spec>;
};

/// Optional: what a user should know about the data and cannot see in a column. Pure; equal on all ranks.
template <class P>
concept HasWarnings = requires(const typename P::Spec& spec, const typename P::Reference& reference) {
  { P::warnings(spec, reference) } -> std::same_as<std::vector<std::string>>;
};

/// Optional: why an answer of that quality cannot be right, whatever the method promised; "" if it can. The case fails.
template <class P>
concept HasDisproof = requires(const typename P::Quality& quality) {
  { P::disproof(quality) } -> std::same_as<std::string>;
};

}  // namespace breakeven
