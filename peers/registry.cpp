#include "registry.hpp"

#include "methods/attention/forward/polynomial.hpp"
#include "methods/attention/forward/ring.hpp"
#include "openblas.hpp"
#include "torch.hpp"

namespace breakeven {
namespace {

/// What a user would pick instead, beside the methods it is held against. Stands in for the list of src/registry.cpp in
/// the programs of this folder.
Registry make_registry() {
  Registry registry;
  registry.add<attention::ForwardProblem, attention::Ring>(Role::exact);
  registry.add<attention::ForwardProblem, attention::Polynomial>(Role::fast, "2302.13214");
  registry.add<attention::ForwardProblem, peers::TorchWarm>(Role::peer);
  registry.add<attention::ForwardProblem, peers::TorchAsShipped>(Role::peer);
  registry.add<attention::ForwardProblem, peers::OpenBlas>(Role::peer);
  return registry;
}

}  // namespace

const Registry& registry() {
  static const Registry list = make_registry();
  return list;
}

}  // namespace breakeven
