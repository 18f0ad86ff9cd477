// The setting DPS_INSTANCES, from what the modules of the stamps put out. It has no resources: outputs of modules in a loop can only
// be read by another module.
param instances {
  name: string
  idScope: string
  serviceHost: string
}[]

var byName = toObject(
  instances,
  instance => instance.name,
  instance => { idScope: instance.idScope, serviceHost: instance.serviceHost }
)

output setting string = empty(instances) ? '' : string(byName)
