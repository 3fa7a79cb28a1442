#include "vlm_service/scheduler/fair_share.h"

#include <algorithm>
#include <cmath>

namespace glyph::vlm {

void FairShare::Join(SequenceId id, const std::string& tenant) {
  Tenant& own = tenants_[tenant];
  if (own.num_members++ == 0) own.number = num_tenants_++;
  members_[id].tenant = tenant;
}

void FairShare::Leave(SequenceId id) {
  const auto member = members_.find(id);
  const auto tenant = tenants_.find(member->second.tenant);
  if (--tenant->second.num_members == 0) tenants_.erase(tenant);
  members_.erase(member);
}

void FairShare::Charge(SequenceId id, double cost) {
  if (cost <= 0) return;
  Member& member = members_.at(id);
  Tenant& tenant = tenants_.at(member.tenant);
  Serve(tenant.served, clock_, cost, static_cast<double>(tenants_.size()));
  Serve(member.served, tenant.clock, cost, tenant.num_members);
}

// Whoever is rounds behind the clock had nothing to do meanwhile: it joins the others.
void FairShare::Serve(double& served, double& clock, double cost, double num_others) const {
  served = std::max(served, Round(clock) * quantum_);
  clock = std::max(clock, Round(served) * quantum_) + cost / num_others;
  served += cost;
}

double FairShare::Round(double served) const { return std::floor(served / quantum_); }

FairShare::Place FairShare::Rank(SequenceId id) const {
  const Member& member = members_.at(id);
  const Tenant& tenant = tenants_.at(member.tenant);
  return {Round(std::max(tenant.served, clock_)), tenant.number,
          Round(std::max(member.served, tenant.clock))};
}

}  // namespace glyph::vlm
